//! What a process asks of the operating system before it opens thousands of sockets.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open descriptors to the hard one and returns what holds now.
///
/// `None` stands for "no limit". A refusal changes nothing: the old limit is returned.
pub fn raise_descriptor_limit() -> Option<u64> {
    let old = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: old.maximum, maximum: old.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => wanted.current,
        Err(_) => old.current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_reaches_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raise_descriptor_limit(), hard);
        assert_eq!(getrlimit(Resource::Nofile).current, hard);
    }
}
