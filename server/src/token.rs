//! Whose event it is: the wake of other threads, a listener, or one holder of a connection's place.

use fezz_proto::ConnId;
use mio::Token;

/// The wake of other threads.
pub(crate) const WAKE: Token = Token(usize::MAX);
/// Listeners count down from here; no connection has such a place.
const LISTENER_LAST: usize = usize::MAX - 1;
/// Addresses that one server listens on.
pub const LISTENERS_MAX: usize = 64;

const _: () = assert!(usize::BITS >= 64, "a token holds a place and a generation");

/// The token of a listener by its number.
pub(crate) const fn of_listener(number: usize) -> Token {
    Token(LISTENER_LAST - number)
}

/// The number of the listener that the token belongs to, if it does.
pub(crate) const fn listener_of(token: Token) -> Option<usize> {
    if token.0 > LISTENER_LAST - LISTENERS_MAX { LISTENER_LAST.checked_sub(token.0) } else { None }
}

/// Place in the lower half, generation in the upper: an event of a former holder finds nobody.
#[expect(clippy::cast_possible_truncation, reason = "asserted above: a usize has 64 bits")]
pub(crate) const fn of_conn(id: ConnId) -> Token {
    Token(((id.generation as u64) << 32 | id.index as u64) as usize)
}

/// The connection that the token belongs to.
pub(crate) const fn conn_of(token: Token) -> ConnId {
    let bits = token.0 as u64;
    ConnId { index: (bits & 0xFFFF_FFFF) as u32, generation: (bits >> 32) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_who_it_belongs_to() {
        for id in
            [ConnId { index: 0, generation: 1 }, ConnId { index: 65_535, generation: u32::MAX }]
        {
            assert_eq!(conn_of(of_conn(id)), id);
            assert_eq!(listener_of(of_conn(id)), None);
        }
        for number in [0, 1, LISTENERS_MAX - 1] {
            assert_eq!(listener_of(of_listener(number)), Some(number));
        }
        assert_eq!(listener_of(WAKE), None);
    }
}
