//! Path patterns as a tree of segments: literal before parameter before catch-all, decided from
//! the left. It knows nothing of hosts, methods or percent-encodings.
//!
//! Every node has one way in, so a look-up visits a node at most once: its price is bounded by
//! the operator's patterns, never by the path a client sends.

/// A node: what stands for the path up to here, and where each next segment leads.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Sorted by segment; the empty one is what follows a final slash.
    literals: Vec<(Box<str>, Self)>,
    parameter: Option<Box<Self>>,
    leaf: Option<usize>,
    catch_all: Option<usize>,
}

impl Tree {
    /// Enters `leaf` for the pattern of this shape; see [`super::pattern::Pattern::shape`]. A
    /// shape is entered once: a second time replaces the leaf.
    pub(super) fn insert(&mut self, shape: &str, catch_all: bool, leaf: usize) {
        let path = if catch_all { shape.strip_suffix('/') } else { Some(shape) };
        let mut node = self;
        for segment in path.unwrap_or(shape).split('/').skip(1) {
            node = node.child(segment);
        }
        let slot = if catch_all { &mut node.catch_all } else { &mut node.leaf };
        *slot = Some(leaf);
    }

    /// The leaf of the most specific pattern that takes the canonical `path`.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        self.below(path.strip_prefix('/'))
    }

    /// `rest` is what follows the slash after this node; nothing when the path ends here.
    fn below(&self, rest: Option<&str>) -> Option<usize> {
        let Some(rest) = rest else { return self.leaf.or(self.catch_all) };
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        let literal = self.literal(segment).ok().map(|index| &self.literals[index].1);
        let parameter = self.parameter.as_deref().filter(|_| !segment.is_empty());
        let mut children = literal.into_iter().chain(parameter);
        children.find_map(|child| child.below(rest)).or(self.catch_all)
    }

    fn child(&mut self, segment: &str) -> &mut Self {
        if segment == "{}" {
            return self.parameter.get_or_insert_default();
        }
        let index = match self.literal(segment) {
            Ok(index) => index,
            Err(index) => {
                self.literals.insert(index, (segment.into(), Self::default()));
                index
            }
        };
        &mut self.literals[index].1
    }

    fn literal(&self, segment: &str) -> Result<usize, usize> {
        self.literals.binary_search_by(|(known, _)| (**known).cmp(segment))
    }
}
