//! The configuration file that a scenario serves with: what it says, and defaults for the rest.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::question::HONEST_HOST;

/// A configuration file in the making.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    sections: BTreeMap<&'static str, Vec<(&'static str, String)>>,
    functions: Vec<Function>,
}

#[derive(Clone, Debug)]
struct Function {
    name: &'static str,
    artifact: PathBuf,
    /// Keys and values in TOML.
    keys: Vec<(&'static str, String)>,
    /// Host and pattern of its routes.
    routes: Vec<(Option<&'static str>, &'static str)>,
}

impl Settings {
    /// A server with the function `artifact` for honest clients behind their host, and once more,
    /// as a function of its own, for everybody else.
    pub(super) fn new(artifact: &Path) -> Self {
        let settings = Self { sections: BTreeMap::new(), functions: Vec::new() };
        settings
            .function("honest", artifact, &[])
            .route("honest", Some(HONEST_HOST), "/{*rest}")
            .function("echo", artifact, &[])
            .route("echo", None, "/{*rest}")
            .set("metrics.listen", "\"127.0.0.1:0\"")
            .set("log.format", "\"json\"")
    }

    /// Sets `section.key` to a value in TOML.
    pub(super) fn set(mut self, key: &'static str, value: impl Into<String>) -> Self {
        let (section, key) = key.split_once('.').unwrap_or(("", key));
        self.sections.entry(section).or_default().push((key, value.into()));
        self
    }

    /// One more function.
    pub(super) fn function(
        mut self,
        name: &'static str,
        artifact: &Path,
        keys: &[(&'static str, &str)],
    ) -> Self {
        let keys = keys.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let artifact = artifact.to_owned();
        self.functions.push(Function { name, artifact, keys, routes: Vec::new() });
        self
    }

    /// One more key of a function that there is.
    pub(super) fn grant(mut self, name: &str, key: &'static str, value: &str) -> Self {
        let of = self.functions.iter_mut().filter(|function| function.name == name);
        of.for_each(|function| function.keys.push((key, value.to_owned())));
        self
    }

    /// One more way to a function that there is.
    pub(super) fn route(
        mut self,
        name: &str,
        host: Option<&'static str>,
        path: &'static str,
    ) -> Self {
        let of = self.functions.iter_mut().filter(|function| function.name == name);
        of.for_each(|function| function.routes.push((host, path)));
        self
    }

    /// The file, for a server that has its files in `folder`.
    pub(super) fn text(&self, folder: &Path, user: u32) -> String {
        let folder = folder.display();
        let mut text = format!(
            "version = 1\n\
             [[listener]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\n\
             [[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = true\n\
             [[certificate]]\ncert = \"{folder}/server.pem\"\nkey = \"{folder}/server.key\"\n\
             default = true\n\
             [admin]\nlisten = \"unix:{folder}/admin.sock\"\n\
             [sandbox]\nuser = \"{user}\"\n"
        );
        for (section, keys) in &self.sections {
            let keys: String =
                keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            // Writing to a String cannot fail.
            let _written = write!(text, "[{section}]\n{keys}");
        }
        for function in &self.functions {
            let Function { name, artifact, keys, routes } = function;
            let keys: String =
                keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            let artifact = artifact.display();
            let _written =
                write!(text, "[[function]]\nname = \"{name}\"\nartifact = \"{artifact}\"\n{keys}");
            for (host, path) in routes {
                let host = host.map_or_else(String::new, |host| format!("host = \"{host}\"\n"));
                let _written =
                    write!(text, "[[route]]\n{host}path = \"{path}\"\nfunction = \"{name}\"\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_written_once() {
        let settings = Settings::new(Path::new("/x/libecho.so"))
            .set("timeouts.queue", "\"1s\"")
            .set("limits.body", "\"1KiB\"")
            .set("timeouts.handler", "\"2s\"")
            .grant("echo", "max_concurrency", "2");
        let text = settings.text(Path::new("/tmp/x"), 0);
        assert_eq!(text.matches("[timeouts]").count(), 1);
        assert!(text.contains("[timeouts]\nqueue = \"1s\"\nhandler = \"2s\"\n"), "{text}");
        assert!(
            text.contains("name = \"echo\"\nartifact = \"/x/libecho.so\"\nmax_concurrency = 2")
        );
        assert!(
            text.contains("host = \"honest.test\"\npath = \"/{*rest}\"\nfunction = \"honest\"")
        );
    }
}
