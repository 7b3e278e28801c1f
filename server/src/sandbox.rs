//! What this process gives up once its sockets and keys are open: the user it was, capabilities,
//! files. Functions never run with more.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::{Config, LogOutput};
use crate::sys::identity::{self, User};
use crate::sys::landlock::{self, Right, Ruleset};
use crate::sys::unix;

/// What is going to be given up.
#[derive(Debug)]
pub(crate) struct Plan {
    identity: Identity,
    landlock: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// Nothing is said: it stays who it is.
    Keep,
    /// Nothing is said, and it is root: it stays that, and its operator hears of it.
    RootUnasked,
    /// The operator says that it is to be root.
    Root,
    /// It is this user already.
    Already(User),
    /// It becomes this user.
    Become(User),
}

/// Why a process does not serve as what it is.
#[derive(Debug)]
pub enum SandboxFault {
    /// There is no such user.
    NoUser {
        /// Its name.
        name: String,
    },
    /// Only root can become somebody else.
    NotRoot {
        /// Whom it was to become.
        name: String,
        /// Who it is.
        user: u32,
    },
    /// It could become root again.
    ComesBack,
    /// Rights are left, as the bits of capget(2).
    Left(u64),
    /// The process has other threads already, which would keep their rights.
    Threads,
    /// What the system said.
    System {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        error: io::Error,
    },
}

/// What was given up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given {
    words: Vec<String>,
}

/// Where files are that every program on a Linux system reads: libraries, time zones, names of
/// hosts and users.
const SYSTEM: [&str; 7] =
    ["/usr", "/lib", "/lib64", "/etc", "/proc", "/sys", "/run/systemd/resolve"];
/// What every program may write to.
const DEVICES: [&str; 6] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

fn refused(doing: &'static str) -> impl Fn(io::Error) -> SandboxFault {
    move |error| SandboxFault::System { doing, error }
}

impl Plan {
    /// What the configuration asks of the process as it is.
    ///
    /// # Errors
    /// Why that cannot be.
    pub(crate) fn of(config: &Config) -> Result<Self, SandboxFault> {
        let identity = decide(config.sandbox.user.as_deref(), unix::effective_user())?;
        Ok(Self { identity, landlock: config.sandbox.landlock })
    }

    /// Whether functions will be root although nobody said so.
    pub(crate) fn is_rash(&self) -> bool {
        self.identity == Identity::RootUnasked
    }

    /// Whether there is anything to give up.
    pub(crate) const fn gives_up(&self) -> bool {
        self.landlock || matches!(self.identity, Identity::Already(_) | Identity::Become(_))
    }

    /// Whose files this process will be able to use, if it becomes somebody else.
    pub(crate) const fn user(&self) -> Option<&User> {
        match &self.identity {
            Identity::Become(user) => Some(user),
            Identity::Keep | Identity::RootUnasked | Identity::Root | Identity::Already(_) => None,
        }
    }

    /// Gives it up, for good, and makes sure that it is gone. To be called with one thread.
    /// `file` is the configuration's.
    ///
    /// # Errors
    /// The step that failed: the process must not serve.
    pub(crate) fn carry_out(
        self,
        config: &Config,
        file: Option<&Path>,
    ) -> Result<Given, SandboxFault> {
        let mut words = Vec::new();
        let sheds = matches!(self.identity, Identity::Already(_) | Identity::Become(_));
        if (sheds || self.landlock) && !identity::is_alone().map_err(refused("count threads"))? {
            return Err(SandboxFault::Threads);
        }
        if let Identity::Become(user) | Identity::Already(user) = &self.identity {
            shed(user, matches!(self.identity, Identity::Become(_)))?;
            words.push(format!("user={} uid={} gid={}", user.name, user.user, user.group));
            words.push("capabilities=none no_new_privileges".to_owned());
        }
        if self.landlock {
            identity::gain_nothing().map_err(refused("give up gaining rights"))?;
            words.push(confine(config, file)?);
        }
        Ok(Given { words })
    }
}

fn decide(name: Option<&str>, effective: u32) -> Result<Identity, SandboxFault> {
    let Some(name) = name else {
        return Ok(if effective == 0 { Identity::RootUnasked } else { Identity::Keep });
    };
    let user = identity::user(name).map_err(refused("look for a user"))?;
    // A container's user may have a number and no name.
    let user = user.or_else(|| identity::nameless(name).filter(|it| it.user == effective));
    let user = user.ok_or_else(|| SandboxFault::NoUser { name: name.to_owned() })?;
    match (effective, user.user) {
        (0, 0) => Ok(Identity::Root),
        (0, _) => Ok(Identity::Become(user)),
        (is, wanted) if is == wanted => Ok(Identity::Already(user)),
        (user, _) => Err(SandboxFault::NotRoot { name: name.to_owned(), user }),
    }
}

fn shed(user: &User, changes: bool) -> Result<(), SandboxFault> {
    // Before the change, which takes the right to do this away.
    identity::bound_capabilities();
    if changes {
        identity::become_user(user).map_err(refused("become another user"))?;
    }
    identity::give_up_capabilities().map_err(refused("give up capabilities"))?;
    identity::gain_nothing().map_err(refused("give up gaining rights"))?;
    if identity::can_come_back() {
        return Err(SandboxFault::ComesBack);
    }
    match identity::capabilities().map_err(refused("look at capabilities"))? {
        0 => Ok(()),
        left => Err(SandboxFault::Left(left)),
    }
}

/// Leaves the files that the configuration names, and those that every program needs. What a
/// kernel cannot do is said, and no reason not to serve.
fn confine(config: &Config, file: Option<&Path>) -> Result<String, SandboxFault> {
    let Some(version) = landlock::version() else {
        return Ok("landlock=unavailable (this kernel has none: files are not confined)".to_owned());
    };
    let doing = "confine files with landlock";
    let ruleset = Ruleset::new().map_err(refused(doing))?;
    let mut left = 0_u32;
    for (path, right) in paths(config, file) {
        left += u32::from(ruleset.leave(&path, right).map_err(refused(doing))?);
    }
    ruleset.obey().map_err(refused(doing))?;
    Ok(format!("landlock={version} paths={left}"))
}

/// What has to stay open for serving, for a reload and for an upgrade. Files are named by their
/// folders: whoever replaces a file makes a new one.
fn paths(config: &Config, file: Option<&Path>) -> Vec<(PathBuf, Right)> {
    let folder = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut reads: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    reads.extend(config.functions.iter().map(|function| folder(&function.artifact)));
    reads.extend(config.root.clone());
    reads.extend(file.map(folder));
    for certificate in &config.tls.certificates {
        reads.extend([folder(&certificate.chain), folder(&certificate.key)]);
    }
    for listener in &config.listeners {
        reads.extend(listener.client_ca.iter().map(|ca| folder(&ca.file)));
        if let crate::config::Serves::Redirect { acme_dir, .. } = &listener.serves {
            reads.extend(acme_dir.clone());
        }
    }
    for policy in &config.policies {
        if let Some(crate::config::Auth::BearerSha256 { file }) = &policy.auth {
            reads.push(folder(file));
        }
    }
    reads.extend(std::env::current_exe().ok().map(|path| folder(&path)));
    let outputs = [
        Some(&config.log.output),
        config.access_log.as_ref().map(|it| &it.output),
        config.audit_log.as_ref().map(|it| &it.output),
    ];
    let mut writes: Vec<PathBuf> = DEVICES.iter().map(PathBuf::from).collect();
    writes.push(std::env::temp_dir());
    writes.extend(config.admin.socket.as_deref().map(folder));
    for output in outputs.into_iter().flatten() {
        if let LogOutput::File(path) = output {
            writes.push(folder(path));
        }
    }
    let reads = reads.into_iter().map(|path| (path, Right::Read));
    reads.chain(writes.into_iter().map(|path| (path, Right::Write))).collect()
}

impl Given {
    /// Whether there is anything to say.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.words.is_empty()
    }
}

impl fmt::Display for Given {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "fezz gave up: {}", self.words.join(" "))
    }
}

impl fmt::Display for SandboxFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser { name } => write!(out, "there is no user '{name}'"),
            Self::NotRoot { name, user } => write!(
                out,
                "only root can become '{name}', and this is the user with the number {user}"
            ),
            Self::ComesBack => out.write_str("root was given up and could be had back"),
            Self::Left(bits) => write!(out, "capabilities are left after all: {bits:#x}"),
            Self::Threads => out
                .write_str("other threads run already and would keep their rights: a bug of ours"),
            Self::System { doing, error } => {
                write!(out, "the operating system refused to {doing}: {error}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_serves_is_decided_before_anything_is_done() {
        assert_eq!(decide(None, 0).unwrap(), Identity::RootUnasked);
        assert_eq!(decide(None, 1).unwrap(), Identity::Keep);
        assert_eq!(decide(Some("root"), 0).unwrap(), Identity::Root);
        assert!(matches!(decide(Some("nobody"), 0).unwrap(), Identity::Become(_)));
        let nobody = identity::user("nobody").unwrap().unwrap();
        assert_eq!(decide(Some("nobody"), nobody.user).unwrap(), Identity::Already(nobody));
        assert!(matches!(decide(Some("nobody"), 1), Err(SandboxFault::NotRoot { user: 1, .. })));
        assert!(matches!(decide(Some("no-such-user"), 0), Err(SandboxFault::NoUser { .. })));
    }
}
