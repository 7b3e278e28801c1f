//! Who this process is, and how it becomes somebody with fewer rights for the rest of its life.
//!
//! glibc hands a change of user or group on to all threads of a process; capabilities and the
//! promise to gain no rights are each thread's own, and those that are started later inherit them.
//! So all of this is done while there is one thread.

use std::ffi::CString;
use std::io;
use std::ptr;

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name; the number where it has none.
    pub name: String,
    /// Its number.
    pub user: u32,
    /// Its first group.
    pub group: u32,
    /// All its groups.
    pub groups: Vec<u32>,
}

/// Octets for what is known about one user.
const RECORD_BYTES: usize = 16 * 1024;
/// Groups of one user.
const GROUPS_MAX: usize = 1_024;

/// The user called `name`, or with the number that it is; nothing when there is none.
///
/// # Errors
/// What the system said.
pub fn user(name: &str) -> io::Result<Option<User>> {
    let text = CString::new(name).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut buffer = vec![0_u8; RECORD_BYTES];
    // SAFETY: plain data for which all zeroes is a valid value.
    let mut record: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found: *mut libc::passwd = ptr::null_mut();
    let room = buffer.as_mut_ptr().cast();
    let code = match name.parse::<u32>() {
        // SAFETY: all pointers are to live locals, and the length is that of the buffer.
        Ok(number) => unsafe {
            libc::getpwuid_r(number, &raw mut record, room, RECORD_BYTES, &raw mut found)
        },
        // SAFETY: as above; the name is NUL-terminated.
        Err(_) => unsafe {
            let name = text.as_ptr();
            libc::getpwnam_r(name, &raw mut record, room, RECORD_BYTES, &raw mut found)
        },
    };
    match code {
        0 if found.is_null() => Ok(None),
        0 => {
            // SAFETY: a found record's name is NUL-terminated and stands in `buffer`, which lives.
            let name = unsafe { std::ffi::CStr::from_ptr(record.pw_name) };
            Ok(Some(User {
                name: name.to_string_lossy().into_owned(),
                user: record.pw_uid,
                group: record.pw_gid,
                groups: groups(name, record.pw_gid)?,
            }))
        }
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

/// The user with that number, with the groups of this process; nothing for what is no number.
#[must_use]
pub fn nameless(number: &str) -> Option<User> {
    // SAFETY: takes nothing and cannot fail.
    let group = unsafe { libc::getegid() };
    let user = number.parse().ok()?;
    Some(User { name: number.to_owned(), user, group, groups: vec![group] })
}

fn groups(name: &std::ffi::CStr, first: u32) -> io::Result<Vec<u32>> {
    let mut found = vec![0_u32; GROUPS_MAX];
    let mut count = libc::c_int::try_from(GROUPS_MAX).unwrap_or(0);
    let room = found.as_mut_ptr();
    // Numbers with a sign, and the same otherwise.
    #[cfg(target_vendor = "apple")]
    let (first, room) = (first.cast_signed(), room.cast::<libc::c_int>());
    // SAFETY: the name is NUL-terminated; the list has room for `count` groups.
    let filled = unsafe { libc::getgrouplist(name.as_ptr(), first, room, &raw mut count) };
    if filled == -1 {
        return Err(io::ErrorKind::QuotaExceeded.into());
    }
    found.truncate(usize::try_from(count).unwrap_or(0));
    Ok(found)
}

/// Whether this process has one thread.
///
/// # Errors
/// What the system said.
pub fn is_alone() -> io::Result<bool> {
    Ok(std::fs::read_dir("/proc/self/task")?.count() == 1)
}

/// Becomes `user`, with its groups, for good.
///
/// # Errors
/// What the system said about the first step it refused; what was done before it is done.
pub fn become_user(user: &User) -> io::Result<()> {
    let count = user.groups.len();
    #[cfg(not(target_os = "linux"))]
    let count = libc::c_int::try_from(count).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the list lives through the call, and the length is its own.
    done(unsafe { libc::setgroups(count, user.groups.as_ptr()) })?;
    set_ids(user.group, user.user)
}

/// Real, effective and saved group and user.
#[cfg(not(target_vendor = "apple"))]
fn set_ids(group: u32, user: u32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    done(unsafe { libc::setresgid(group, group, group) })?;
    // SAFETY: takes numbers only.
    done(unsafe { libc::setresuid(user, user, user) })
}

/// Real, effective and saved group and user: for root these set all three.
#[cfg(target_vendor = "apple")]
fn set_ids(group: u32, user: u32) -> io::Result<()> {
    // SAFETY: takes a number only.
    done(unsafe { libc::setgid(group) })?;
    // SAFETY: takes a number only.
    done(unsafe { libc::setuid(user) })
}

/// Whether this process could be root again: it tries.
#[must_use]
pub fn can_come_back() -> bool {
    #[cfg(not(target_vendor = "apple"))]
    // SAFETY: take numbers only.
    return unsafe { libc::setresuid(0, 0, 0) == 0 || libc::setresgid(0, 0, 0) == 0 };
    #[cfg(target_vendor = "apple")]
    // SAFETY: take a number only.
    return unsafe { libc::setuid(0) == 0 || libc::setgid(0) == 0 };
}

/// Neither this thread nor what it starts gains rights by executing a program.
///
/// # Errors
/// What the system said.
#[cfg(target_os = "linux")]
pub fn gain_nothing() -> io::Result<()> {
    // SAFETY: takes numbers only.
    done(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })
}

/// Neither this thread nor what it starts gains rights by executing a program.
///
/// # Errors
/// `Unsupported`: what cannot be promised is refused.
#[cfg(not(target_os = "linux"))]
pub fn gain_nothing() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The calling thread's capabilities: no other system has such parts of root's rights.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn capabilities() -> io::Result<u64> {
    Ok(0)
}

/// There are none to be had again.
#[cfg(not(target_os = "linux"))]
pub fn bound_capabilities() {}

/// There are none to give up.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn give_up_capabilities() -> io::Result<()> {
    Ok(())
}

/// What capget(2) and capset(2) begin with.
#[cfg(target_os = "linux")]
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// One half of a thread's capabilities.
#[cfg(target_os = "linux")]
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilitySet {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`.
#[cfg(target_os = "linux")]
const CAPABILITY_VERSION: u32 = 0x2008_0522;
/// Numbers of capabilities end here.
#[cfg(target_os = "linux")]
const CAPABILITIES_MAX: libc::c_ulong = 64;

/// The calling thread's capabilities, permitted or inheritable ones.
///
/// # Errors
/// What the system said.
#[cfg(target_os = "linux")]
pub fn capabilities() -> io::Result<u64> {
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let mut halves = [CapabilitySet::default(); 2];
    // SAFETY: the header is live; this version fills two halves, which are there.
    let code = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    let [low, high] = halves.map(|half| half.effective | half.permitted | half.inheritable);
    Ok(u64::from(high) << 32 | u64::from(low))
}

/// Nothing that the calling thread executes can have a capability again. Only who may set
/// capabilities can do this, so it comes before [`become_user`]; for everybody else it does
/// nothing, and [`gain_nothing`] says the same.
#[cfg(target_os = "linux")]
pub fn bound_capabilities() {
    for number in 0..CAPABILITIES_MAX {
        // Fails beyond the last one, and where this thread may not.
        // SAFETY: takes numbers only.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
    }
}

/// The calling thread gives up every capability that it has.
///
/// # Errors
/// What the system said.
#[cfg(target_os = "linux")]
pub fn give_up_capabilities() -> io::Result<()> {
    let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL;
    // SAFETY: takes numbers only.
    done(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, clear, 0, 0, 0) })?;
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let halves = [CapabilitySet::default(); 2];
    // SAFETY: the header is live; this version reads two halves, which are there.
    let code = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn done(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_number() {
        let root = user("root").unwrap().unwrap();
        assert_eq!((root.user, root.group), (0, 0));
        assert!(root.groups.contains(&0));
        assert_eq!(user("0").unwrap(), Some(root));
        assert_eq!(user("nobody-of-that-name").unwrap(), None);
        assert!(user("a\0b").is_err());
    }
}
