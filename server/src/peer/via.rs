//! By way of whom somebody comes: kept only for connections where a proxy has something to say.

use std::net::IpAddr;
use std::sync::Arc;

use fezz_parser::Head;

use super::{Source, Trust, client_of};
use crate::config::Forwarded;

/// What a proxy says, or may say, about whom it speaks for.
#[derive(Debug)]
pub(crate) struct Via {
    trust: Arc<Trust>,
    /// Who connected.
    pub(crate) peer: IpAddr,
    /// Who connected, or whom its PROXY header named.
    pub(crate) origin: IpAddr,
    /// Whether requests may name somebody else.
    reads: bool,
}

impl Via {
    /// A connection of `peer`; `None` when nobody speaks for anybody there.
    pub(crate) fn of(trust: &Arc<Trust>, peer: IpAddr) -> Option<Box<Self>> {
        // A header is read before requests are.
        let reads = !trust.announces && trust.reads_forwarded(peer);
        let kept = trust.announces || reads;
        kept.then(|| Box::new(Self { trust: Arc::clone(trust), peer, origin: peer, reads }))
    }

    /// Its PROXY header is whole; true when the connection counts among those of its origin.
    pub(crate) fn announce(&mut self, source: Source) -> bool {
        self.origin = match source {
            Source::Address(address, _) => address.to_canonical(),
            Source::Itself | Source::Unknown => self.peer,
        };
        self.reads = self.trust.reads_forwarded(self.origin);
        !self.trust.is_exempt(self.origin)
    }

    /// Whether nobody but the peer itself has been spoken for, nor will be.
    pub(crate) fn is_idle(&self) -> bool {
        !self.reads && self.origin == self.peer
    }

    /// Whose request it is, when requests may say so.
    pub(crate) fn client_of(&self, head: &Head<'_>) -> Option<IpAddr> {
        self.reads.then(|| client_of(head, &self.trust, self.origin))
    }

    /// Which claims of its requests are passed on.
    pub(crate) fn passes(&self) -> Forwarded {
        if self.reads { self.trust.forwarded } else { Forwarded::Off }
    }
}
