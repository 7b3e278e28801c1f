//! "Did you mean": the word nearest to one that is not known, if any is near.

/// The known word that the fewest changes lead to, if they are few for its length: a third of its
/// letters, at least one, at most three.
pub(crate) fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let near = |candidate: &&'w str| {
        let changes = changes(word, candidate);
        (changes <= (candidate.chars().count() / 3).clamp(1, 3)).then_some(changes)
    };
    let candidates = known.into_iter().filter_map(|it| near(&it).map(|changes| (changes, it)));
    candidates.min_by_key(|(changes, _)| *changes).map(|(_, it)| it)
}

/// Letters to insert, delete, replace or swap with their neighbour until one word is the other
/// (the distance of optimal string alignment).
fn changes(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut now = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut least = replaced.min(last[column + 1] + 1).min(now[column] + 1);
            if row > 0 && column > 0 && *letter == to[column - 1] && from[row - 1] == *other {
                least = least.min(before[column - 1] + 1);
            }
            now.push(least);
        }
        before = std::mem::replace(&mut last, now);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted() {
        for (from, to, count) in
            [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("abc", "abc", 0), ("abc", "acb", 1)]
        {
            assert_eq!(changes(from, to), count, "{from} {to}");
        }
        assert_eq!(changes("kitten", "sitting"), 3);
        assert_eq!(changes("tiemout", "timeout"), 1);
    }

    #[test]
    fn only_near_words_are_named() {
        let known = ["timeout", "ttl", "abi", "max_in_flight"];
        assert_eq!(nearest("tiemout", known), Some("timeout"));
        assert_eq!(nearest("max_inflight", known), Some("max_in_flight"));
        assert_eq!(nearest("tl", known), Some("ttl"));
        assert_eq!(nearest("xy", known), None);
        assert_eq!(nearest("colour", known), None);
    }
}
