//! Who takes part, and the command each is started with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::bodies::BULK_PATH;
use super::many;
use super::peers;
use super::secure;
use super::workload::Role;

// How ours is started. `{bin}` is the folder of the release build, `{addr}` the address.
const OURS_HELLO: &str = "{bin}/fezz serve --listen {addr} --event-loops 1 --workers 1 \
    --function {bin}/libhello.so";
const OURS_ECHO: &str = "{bin}/fezz serve --listen {addr} --event-loops 1 --workers 1 \
    --function {bin}/libecho.so";
/// Two sleeping calls must leave workers over: what is measured is the path, not a full pool.
const OURS_BOTH: &str = "{bin}/fezz serve --listen {addr} --event-loops 1 --workers 4 \
    --function hello={bin}/libhello.so@/hello --function echo={bin}/libecho.so@/{*rest}";
const OURS_TWO_LOOPS: &str = "{bin}/fezz serve --listen {addr} --event-loops 2 --workers 2 \
    --function {bin}/libhello.so";
const OURS_SECURE: &str = "{bin}/fezz serve --listen-tls {addr} --event-loops 1 --workers 1 \
    --certificate {scratch}/bench.pem,{scratch}/bench.key --function {bin}/libhello.so";
const OURS_SECURE_BULK: &str = "{bin}/fezz serve --listen-tls {addr} --event-loops 1 --workers 1 \
    --certificate {scratch}/bench.pem,{scratch}/bench.key --function {scratch}/libbulk.so";
const OURS_BULK: &str = "{bin}/fezz serve --listen {addr} --event-loops 1 --workers 1 \
    --function {scratch}/libbulk.so";
/// More than a command line holds.
const OURS_MANY: &str = "{bin}/fezz serve --config {config}";
/// Those who are fast have one worker to themselves, as a rule.
const OURS_SLOW: &str = "{bin}/fezz serve --listen {addr} --event-loops 1 --workers 2 \
    --function hello={bin}/libhello.so@/hello --function echo={bin}/libecho.so@/{*rest}";
/// Added for the contender whose function is called by the thread of the loop. Both are named after
/// their artifacts.
const INLINE_HELLO: &str = " --set hello.placement=inline";
const INLINE_ECHO: &str = " --set echo.placement=inline";
const INLINE_BOTH: &str = " --set hello.placement=inline --set echo.placement=inline";
const INLINE_BULK: &str = " --set bulk.placement=inline";
/// Added for the contender that begins on the loop and goes where its calls are better off.
const AUTO_HELLO: &str = " --set hello.placement=auto";
const AUTO_ECHO: &str = " --set echo.placement=auto";
// Beside functions that do not come back. Until the first call of `echo` does not, the loop makes
// its calls.
const OURS_RESCUE: &str = "{bin}/fezz serve --listen {addr} --event-loops 1 --workers 4 \
    --function hello={bin}/libhello.so@/hello --function echo={bin}/libecho.so@/{*rest} \
    --set echo.placement=inline";
const OURS_ENDLESS: &str = "{bin}/fezz serve --listen {addr} --event-loops 1 --workers 4 \
    --function hello={bin}/libhello.so@/hello --function echo={bin}/libecho.so@/{*rest} \
    --set echo.placement=inline --set echo.timeout=1s";
const OURS_STUCK: &str = "{bin}/fezz serve --listen {addr} --event-loops 1 --workers 4 \
    --abandon-max 8 --function hello={bin}/libhello.so@/hello \
    --function echo={bin}/libecho.so@/{*rest} --set echo.timeout=300ms";
const OURS_SPINNING: &str = "{bin}/fezz serve --listen {addr} --event-loops 1 --workers 4 \
    --abandon-max 8 --function hello={bin}/libhello.so@/hello \
    --function spin={scratch}/libspin.so@/{*rest} --set spin.timeout=300ms";
/// What must have been built before ours can take part.
const OURS_FILES: [&str; 3] = ["fezz", "libhello.so", "libecho.so"];

/// The body that the constant answers have.
pub(super) const CONSTANT_BODY: &str = "hello";

/// One server to be measured.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Contender {
    pub(super) name: String,
    program: Program,
}

#[derive(Clone, Debug, PartialEq)]
enum Program {
    Null,
    Ours,
    /// Ours, with the calls made by the thread of the loop.
    Inline,
    /// Ours, with the calls made by the thread of the loop as long as they are short.
    Auto,
    Nginx,
    H2o,
    Haproxy,
    Hyper,
    /// The command of `--contender`.
    Given(String),
}

/// Folders that commands refer to.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The release build.
    pub(super) bin: PathBuf,
    /// Configuration of the peers, logs, outputs of tools. Removed at the end.
    pub(super) scratch: PathBuf,
}

impl Contender {
    /// All that could take part, in the order of their turns.
    pub(super) fn all(given: &[(String, String)]) -> Vec<Self> {
        let known = [
            ("null", Program::Null),
            ("ours", Program::Ours),
            ("inline", Program::Inline),
            ("auto", Program::Auto),
            ("nginx", Program::Nginx),
            ("h2o", Program::H2o),
            ("haproxy", Program::Haproxy),
            ("hyper", Program::Hyper),
        ];
        let mut all: Vec<Self> = known
            .map(|(name, program)| Self { name: name.to_owned(), program })
            .into_iter()
            .filter(|known| given.iter().all(|(name, _)| *name != known.name))
            .collect();
        all.extend(given.iter().map(|(name, command)| {
            let program = Program::Given(command.clone());
            Self { name: name.clone(), program }
        }));
        all
    }

    /// Whether its figures are void once a loop had to be rescued from a call of it.
    pub(super) fn is_inline(&self) -> bool {
        matches!(self.program, Program::Inline | Program::Auto)
    }

    /// Whether the time that calls take decides how it goes on.
    pub(super) fn goes_by_time(&self) -> bool {
        matches!(self.program, Program::Ours | Program::Inline | Program::Auto)
    }

    /// Why it cannot take part; `None` when it can.
    pub(super) fn missing(&self, places: &Places) -> Option<String> {
        let built = |file: &str| {
            let missing = !places.bin.join(file).exists();
            missing.then(|| format!("{file} is not built"))
        };
        match &self.program {
            Program::Null => built("fezz-null-server"),
            Program::Hyper => built("fezz-hyper-server"),
            Program::Ours | Program::Inline | Program::Auto => {
                OURS_FILES.iter().find_map(|file| built(file))
            }
            Program::Nginx | Program::H2o | Program::Haproxy => {
                let missing = peers::find(&self.name).is_none();
                missing.then(|| format!("{} is not installed", self.name))
            }
            Program::Given(_) => None,
        }
    }

    /// Program and arguments; `None` when it cannot do what the role asks for.
    pub(super) fn command(
        &self,
        role: Role,
        places: &Places,
        address: &str,
    ) -> Option<Vec<String>> {
        let line = match (&self.program, role) {
            (Program::Ours | Program::Inline | Program::Auto, _) => &self.ours(role)?,
            (Program::Null, Role::Hello | Role::Echo) => "{bin}/fezz-null-server --listen {addr}",
            (Program::Hyper, Role::Hello | Role::Echo | Role::Bulk | Role::Upload) => {
                "{bin}/fezz-hyper-server --listen {addr}"
            }
            (
                Program::Nginx,
                Role::Hello
                | Role::Echo
                | Role::Bulk
                | Role::Upload
                | Role::Secure
                | Role::SecureBulk,
            ) => peers::NGINX_COMMAND,
            (Program::H2o, Role::Hello | Role::Echo | Role::Bulk | Role::Upload) => {
                peers::H2O_COMMAND
            }
            (Program::Haproxy, Role::Hello | Role::Echo) => peers::HAPROXY_COMMAND,
            (Program::Given(line), Role::Hello | Role::Echo) => line,
            _ => return None,
        };
        let config = self.configuration(role, places, address).map(|(file, _)| file);
        let config = text(&config.unwrap_or_default());
        let found = peers::find(&self.name).unwrap_or_default();
        let words = line.split_whitespace().map(|word| {
            word.replace("{bin}", &text(&places.bin))
                .replace("{scratch}", &text(&places.scratch))
                .replace("{found}", &text(&found))
                .replace("{config}", &config)
                .replace("{addr}", address)
        });
        Some(words.collect())
    }

    /// The command line of ours in this placement; `None` where it would say nothing new.
    fn ours(&self, role: Role) -> Option<String> {
        let line = match role {
            Role::Hello | Role::Upload => OURS_HELLO,
            Role::Echo => OURS_ECHO,
            Role::Bulk => OURS_BULK,
            Role::Functions(_) | Role::Routes(_) => OURS_MANY,
            Role::Slow => OURS_SLOW,
            Role::Secure => OURS_SECURE,
            Role::SecureBulk => OURS_SECURE_BULK,
            Role::Both => OURS_BOTH,
            Role::TwoLoops => OURS_TWO_LOOPS,
            Role::Rescue => OURS_RESCUE,
            Role::Endless => OURS_ENDLESS,
            Role::Stuck => OURS_STUCK,
            Role::Spinning => OURS_SPINNING,
        };
        let placement = match (&self.program, role) {
            (Program::Ours, _) => "",
            // It is in the file.
            (Program::Inline, Role::Functions(_) | Role::Routes(_)) => "",
            (Program::Inline, Role::Hello | Role::Upload | Role::Secure) => INLINE_HELLO,
            (Program::Inline, Role::Echo) => INLINE_ECHO,
            (Program::Inline, Role::Bulk) => INLINE_BULK,
            (Program::Inline, Role::Slow) => INLINE_BOTH,
            (Program::Auto, Role::Hello) => AUTO_HELLO,
            (Program::Auto, Role::Echo) => AUTO_ECHO,
            _ => return None,
        };
        Some([line, placement].concat())
    }

    /// The configuration file that its command names, if it has one.
    pub(super) fn configuration(
        &self,
        role: Role,
        places: &Places,
        address: &str,
    ) -> Option<(PathBuf, String)> {
        let (name, text) = match self.program {
            Program::Nginx => {
                ("nginx.conf".to_owned(), peers::nginx(&places.scratch, address, role.is_secure()))
            }
            Program::H2o => ("h2o.conf".to_owned(), peers::h2o(&places.scratch, address)),
            Program::Haproxy => ("haproxy.cfg".to_owned(), peers::haproxy(address)),
            Program::Ours | Program::Inline => {
                let inline = self.program == Program::Inline;
                let text = many::configuration(role, &places.scratch, address, inline)?;
                // Servers with few and with many run at the same time.
                let port = address.rsplit_once(':').map_or("", |(_, port)| port);
                (format!("{}-{port}.toml", self.name), text)
            }
            Program::Null | Program::Auto | Program::Hyper | Program::Given(_) => return None,
        };
        Some((places.scratch.join(name), text))
    }

    /// What the load generator is told about target and right answer.
    pub(super) fn load_arguments(&self, role: Role, places: &Places) -> Vec<String> {
        let words: &[&str] = match (&self.program, role) {
            (_, Role::Bulk | Role::SecureBulk) => &["--path", BULK_PATH],
            // The target is in the request that is made for it.
            (_, Role::Upload) if self.name == "h2o" => &["--expect-status", "302"],
            (_, Role::Upload) => &[],
            (_, Role::Functions(_)) => &["--path", many::FUNCTION_PATH],
            (_, Role::Routes(_)) => &["--path", many::ROUTE_PATH],
            (Program::Ours | Program::Inline | Program::Auto, Role::Echo) => {
                &["--path", "/echo", "--expect-echo"]
            }
            (Program::Hyper, Role::Echo) => &["--expect-echo"],
            (Program::H2o, Role::Echo) => &["--path", peers::H2O_MOVED, "--expect-status", "302"],
            // What these answer is theirs; it has to be the same every time.
            (
                Program::Ours | Program::Inline | Program::Auto,
                Role::Hello | Role::Secure | Role::TwoLoops,
            ) => &[],
            (Program::Ours | Program::Inline | Program::Auto, _) => &["--path", "/hello"],
            (Program::Given(_), _) => &[],
            _ => &["--expect-body", CONSTANT_BODY],
        };
        let words = words.iter().map(|&word| word.to_owned());
        if role.is_secure() {
            words.chain(secure::load_arguments(&places.scratch)).collect()
        } else {
            words.collect()
        }
    }

    /// The target of the POST that has a long body.
    pub(super) fn upload_path(&self) -> &'static str {
        match self.program {
            Program::H2o => peers::H2O_MOVED,
            Program::Hyper => "/sink",
            _ => "/",
        }
    }

    /// What it answers, for the reader of the table.
    pub(super) fn remark(&self) -> &'static str {
        match self.program {
            Program::Null => "constant, blank line found only; POST answered with the constant",
            Program::Ours => "calls a function from a shared library, through the dispatch pool",
            Program::Inline => {
                "calls the function on the event loop's thread, which can be rescued"
            }
            Program::Auto => "calls the function wherever its calls have proved to be better off",
            Program::Nginx => "constant by `return`; POST: body read, constant answered",
            Program::H2o => "static file of 5 octets; POST: body read, constant redirect answered",
            Program::Haproxy => {
                "constant by `http-request return`; POST: body read, constant answered"
            }
            Program::Hyper => "constant, current-thread tokio; POST: body echoed",
            Program::Given(_) => "given on the command line",
        }
    }

    /// Its version in a few words.
    pub(super) fn version(&self, places: &Places) -> String {
        match self.program {
            Program::Null => format!("mio {}", locked_version("mio")),
            Program::Hyper => {
                format!("hyper {}, tokio {}", locked_version("hyper"), locked_version("tokio"))
            }
            Program::Ours | Program::Inline | Program::Auto => {
                said(&places.bin.join("fezz"), "--version")
            }
            Program::Nginx | Program::H2o | Program::Haproxy => {
                peers::find(&self.name).map_or_else(String::new, |path| said(&path, "-v"))
            }
            Program::Given(_) => "as given".to_owned(),
        }
    }
}

/// First line that a program says about itself, on whichever stream.
fn said(program: &Path, argument: &str) -> String {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output();
    let Ok(output) = output else { return "unknown".to_owned() };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}

/// The version of `package` that this was built with.
fn locked_version(package: &str) -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.lines().any(|line| line == format!("name = \"{package}\"")));
    let version = entry.and_then(|entry| {
        entry.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
    });
    version.unwrap_or("unknown")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places { bin: PathBuf::from("target/release"), scratch: PathBuf::from("/scratch") }
    }

    fn ours() -> Contender {
        Contender { name: "ours".to_owned(), program: Program::Ours }
    }

    #[test]
    fn ours_is_started_with_one_loop_and_one_worker() {
        let command = ours().command(Role::Hello, &places(), "127.0.0.1:9").unwrap();
        assert_eq!(
            command.join(" "),
            "target/release/fezz serve --listen 127.0.0.1:9 --event-loops 1 --workers 1 \
             --function target/release/libhello.so"
        );
        let both = ours().command(Role::Both, &places(), "127.0.0.1:9").unwrap();
        assert!(both.contains(&"echo=target/release/libecho.so@/{*rest}".to_owned()));
    }

    #[test]
    fn inline_is_ours_with_the_placement_of_its_function() {
        let all = Contender::all(&[]);
        let inline = all.iter().find(|one| one.name == "inline").unwrap();
        for (role, placement) in
            [(Role::Hello, "hello.placement=inline"), (Role::Echo, "echo.placement=inline")]
        {
            let mut expected = ours().command(role, &places(), "127.0.0.1:9").unwrap();
            expected.extend(["--set".to_owned(), placement.to_owned()]);
            assert_eq!(inline.command(role, &places(), "127.0.0.1:9"), Some(expected));
        }
        assert!(inline.is_inline() && inline.goes_by_time() && !ours().is_inline());
        assert_eq!(inline.command(Role::Stuck, &places(), "127.0.0.1:9"), None);
    }

    #[test]
    fn a_function_that_does_not_come_back_stands_beside_hello() {
        for role in [Role::Rescue, Role::Endless, Role::Stuck, Role::Spinning] {
            let command = ours().command(role, &places(), "127.0.0.1:9").unwrap().join(" ");
            assert!(command.contains("--function hello=target/release/libhello.so@/hello "));
            assert!(command.contains("--workers 4 "), "{command}");
            assert_eq!(ours().load_arguments(role, &places()), ["--path", "/hello"]);
            assert_eq!(Contender::all(&[])[0].command(role, &places(), "127.0.0.1:9"), None);
        }
    }

    #[test]
    fn a_given_contender_replaces_one_of_the_same_name() {
        let given = [("ours".to_owned(), "x {addr}".to_owned())];
        let all = Contender::all(&given);
        let named: Vec<&Contender> = all.iter().filter(|one| one.name == "ours").collect();
        assert_eq!(named.len(), 1);
        let command = named[0].command(Role::Hello, &places(), "127.0.0.1:9").unwrap();
        assert_eq!(command, ["x", "127.0.0.1:9"]);
    }

    #[test]
    fn what_is_not_built_is_missing() {
        assert_eq!(ours().missing(&places()).unwrap(), "fezz is not built");
        assert_ne!(locked_version("hyper"), "unknown");
        assert_eq!(locked_version("no-such-package"), "unknown");
    }
}
