//! From files to identities: what is to be read, and whether it changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::error::TlsError;
use super::identity::Identity;
use super::offer::ClientAuthorities;

/// Where identities come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    /// Files of certificates and of their keys. The first pair is the default.
    pub(crate) pairs: Vec<(PathBuf, PathBuf)>,
    /// Whether one for development is made, which stands behind the pairs.
    pub(crate) self_signed: bool,
    /// Who signs client certificates: each of what listeners say, `None` where nobody is asked.
    pub(crate) trusts: Vec<Option<ClientAuthorities>>,
}

/// What a file looked like. Its name may lead elsewhere since: a rename or another symbolic link
/// changes device or inode, a write the time or the size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Every file with its look.
pub(super) type Stamps = BTreeMap<PathBuf, Stamp>;

impl Stamp {
    /// Nothing of a file that is not there.
    fn of(path: &Path) -> Self {
        fs::metadata(path).map_or_else(
            |_| Self::default(),
            |data| Self {
                device: data.dev(),
                inode: data.ino(),
                size: data.size(),
                modified: (data.mtime(), data.mtime_nsec()),
                changed: (data.ctime(), data.ctime_nsec()),
            },
        )
    }
}

impl Sources {
    /// Reads everything.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub(super) fn read(
        &self,
        made: Option<&Arc<Identity>>,
        provider: &CryptoProvider,
        now_s: i64,
    ) -> Result<Vec<Arc<Identity>>, Vec<TlsError>> {
        let mut identities = Vec::new();
        let mut wrong = Vec::new();
        for (certificate, key) in &self.pairs {
            match Identity::read(certificate, key, provider, now_s) {
                Ok(identity) => identities.push(Arc::new(identity)),
                Err(error) => wrong.push(error),
            }
        }
        identities.extend(made.cloned());
        if wrong.is_empty() { Ok(identities) } else { Err(wrong) }
    }

    /// What all the files look like now.
    pub(super) fn stamps(&self) -> Stamps {
        let pairs = self.pairs.iter().flat_map(|(certificate, key)| [certificate, key]);
        let authorities = self.trusts.iter().flatten().map(|authorities| &authorities.path);
        pairs.chain(authorities).map(|path| (path.clone(), Stamp::of(path))).collect()
    }
}
