//! The socket in the file system: nobody else's at any moment, in the place of a dead one, never in
//! that of a living one, and gone at the end.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::sys::unix;

/// Connections that wait for a thread.
const BACKLOG_CONNECTIONS: i32 = 16;

/// Why there can be no socket.
#[derive(Debug)]
pub enum AdminFault {
    /// Somebody answers there.
    Living {
        /// Its process; 0 when that is not known.
        process: u32,
    },
    /// Something else is there.
    NotASocket,
    /// What the system said.
    System(io::Error),
}

/// A socket on its way to its place, or there.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Where it was made; nothing once it is in its place.
    made_at: Option<PathBuf>,
    /// Which file it is: device and number.
    file: (u64, u64),
}

impl AdminSocket {
    /// Makes a socket for `path`, beside it; it is not there before [`publish`](Self::publish).
    /// `predecessor` is a process that may still answer there, because it is about to leave.
    ///
    /// # Errors
    /// Somebody answers there, or something else is there, or the system refused.
    pub(crate) fn open(path: &Path, predecessor: Option<u32>) -> Result<Self, AdminFault> {
        refuse_living(path, predecessor)?;
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let made_at = PathBuf::from(name);
        match fs::remove_file(&made_at) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        unix::make_private(socket.as_fd())?;
        socket.bind(&SockAddr::unix(&made_at)?)?;
        socket.listen(BACKLOG_CONNECTIONS)?;
        let made = fs::symlink_metadata(&made_at)?;
        Ok(Self {
            listener: socket.into(),
            path: path.to_owned(),
            made_at: Some(made_at),
            file: (made.dev(), made.ino()),
        })
    }

    /// Gives the file to another user: the one that this process is about to become.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        let path = self.made_at.as_ref().unwrap_or(&self.path);
        std::os::unix::fs::lchown(path, Some(user), Some(group))
    }

    /// Puts it in its place, and whatever was there out of the way, in one step.
    ///
    /// # Errors
    /// What the system said; it stays where it was then.
    pub(crate) fn publish(&mut self) -> io::Result<()> {
        if let Some(made_at) = &self.made_at {
            fs::rename(made_at, &self.path)?;
            self.made_at = None;
        }
        Ok(())
    }

    pub(crate) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for AdminSocket {
    /// Removes the file if it is still this socket's: a successor may have taken the place.
    fn drop(&mut self) {
        let path = self.made_at.as_ref().unwrap_or(&self.path);
        let found = fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()));
        if found.is_ok_and(|file| file == self.file) {
            // Where it cannot be removed, the next server finds that nobody answers there.
            drop(fs::remove_file(path));
        }
    }
}

fn refuse_living(path: &Path, predecessor: Option<u32>) -> Result<(), AdminFault> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
        Ok(found) if !found.file_type().is_socket() => return Err(AdminFault::NotASocket),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(stream) => {
            let process = unix::peer(stream.as_fd()).map_or(0, |peer| peer.process);
            if process != 0 && Some(process) == predecessor {
                return Ok(());
            }
            Err(AdminFault::Living { process })
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl From<io::Error> for AdminFault {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl AdminFault {
    /// The stable reason word.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Living { .. } => "admin_living",
            Self::NotASocket => "admin_not_a_socket",
            Self::System(_) => "admin_system",
        }
    }
}

impl fmt::Display for AdminFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Living { process: 0 } => {
                out.write_str("another server answers there; stop it, or name another place")
            }
            Self::Living { process } => write!(
                out,
                "the server with the process number {process} answers there; stop it, or name \
                 another place"
            ),
            Self::NotASocket => out.write_str("something that is no socket is there; it stays"),
            Self::System(error) => error.fmt(out),
        }
    }
}
