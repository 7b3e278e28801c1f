//! Who asked: a reply finds its exchange or nobody.

/// A connection of one hub. The generation tells a reused place from its former holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    /// The connection's place in the hub: below the hub's `connections_max`, reused.
    pub index: u32,
    /// Which holder of that place; never the same twice within 2^32 connections.
    pub generation: u32,
}

/// The right to answer one exchange, once.
///
/// `exchange` is drawn from one sequence per hub and never reused, so a ticket is void as soon as
/// its connection has moved on, whoever sits in the place by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The place of the connection that asked.
    pub index: u32,
    /// The number of the exchange, from 1.
    pub exchange: u64,
}
