//! What a process asks of the operating system before it opens thousands of sockets.

use std::io;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

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

/// Sets both limits of `resource` of the process `pid`, which is ours.
///
/// # Errors
/// When the operating system refuses it, for example because the process is gone.
pub fn limit_of(pid: u32, resource: Resource, number: u64) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let limit = Rlimit { current: Some(number), maximum: Some(number) };
    prlimit(pid, resource, limit)?;
    Ok(())
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
