//! Short strings, copied as two words that may overlap instead of by a call: names and values of
//! fields are nearly all so short that the call would cost more than the copying.

/// Copies strings of equal length.
#[inline(always)]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        0..2 => words::<1>(to, from),
        2..4 => words::<2>(to, from),
        4..8 => words::<4>(to, from),
        8..=16 => words::<8>(to, from),
        17..=32 => words::<16>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies `N` to `2 * N` octets, or none.
#[inline(always)]
fn words<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
        if let Some(to) = to.first_chunk_mut::<N>() {
            *to = *first;
        }
        if let Some(to) = to.last_chunk_mut::<N>() {
            *to = *last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_length_is_copied_whole() {
        for length in 0..100u8 {
            let from: Vec<u8> = (1..=length).collect();
            let mut to = std::vec![0; from.len()];
            copy(&mut to, &from);
            assert_eq!(to, from);
        }
    }
}
