//! An artifact with the libraries beside it, copied to a folder that only this process knows.
//!
//! For artifacts with a run path relative to their own place (`$ORIGIN`): in sealed memory that
//! place would be gone. The copy mirrors the absolute paths of the originals below one folder of
//! mode 0700, so `$ORIGIN/../lib` leads inside the copy to what it led to outside. Once the
//! dynamic linker has mapped the files the folder is removed; the mappings stay.
//!
//! Copied is what the dynamic linker would find through `$ORIGIN`, searched for as it searches:
//! breadth first, each name once, folders in order. What it would find elsewhere (absolute run
//! paths, the system's folders) stays where it is. Deliberately absent: the tokens `$LIB` and
//! `$PLATFORM`, processor-specific subfolders (`glibc-hwcaps`), and whatever a function opens by
//! itself after it was loaded.
#![expect(unsafe_code, reason = "mkdtemp and statvfs have no safe face in the standard library")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{CString, OsStr, OsString};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::artifact::elf::{Links, links};
use crate::artifact::octets;
use crate::digest::sha256;
use crate::load_error::LoadFault;

mod fault;

pub use fault::{PrivateFault, Step};

/// Most libraries copied with one artifact. Prices files made while loading.
pub const LIBRARIES_MAX: usize = 64;
/// Most octets of libraries copied with one artifact. Prices room in the temporary folder.
pub const LIBRARY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Most places looked at for the libraries of one artifact. Prices file system calls.
pub const LOOKUPS_MAX: usize = 8192;

/// The copy; dropping it removes the folder.
#[derive(Debug)]
pub(crate) struct PrivateCopy {
    root: PathBuf,
    artifact: PathBuf,
    /// Names under which the dynamic linker will know the libraries, and their digests.
    names: BTreeMap<OsString, [u8; 32]>,
    /// Who asked for which library first, by the paths of the originals.
    needed_by: BTreeMap<OsString, PathBuf>,
}

impl PrivateCopy {
    /// Copies `octets` as the artifact at `path`, and the libraries that really are beside it.
    pub(crate) fn of(path: &Path, octets: &[u8]) -> Result<Self, LoadFault> {
        let unreadable = |error: io::Error| LoadFault::Unreadable { kind: error.kind() };
        let path = std::path::absolute(path).map_err(unreadable)?;
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(LoadFault::NotAFile { folder: true });
        };
        // The linker takes the folder as it is named; the kernel then follows its links before it
        // follows any `..` behind it. Followed here, the two steps need no links in the copy.
        let folder = folder.canonicalize().map_err(unreadable)?;
        let wrap = |fault| LoadFault::PrivateCopy { fault };
        let root = create_root().map_err(wrap)?;
        let artifact = below(&root, &folder).join(name);
        let (names, needed_by) = (BTreeMap::new(), BTreeMap::new());
        let mut copy = Self { root, artifact, names, needed_by };
        copy.fill(&folder, name, octets)?;
        Ok(copy)
    }

    fn fill(&mut self, folder: &Path, name: &OsStr, octets: &[u8]) -> Result<(), LoadFault> {
        let wrap = |fault| LoadFault::PrivateCopy { fault };
        if may_not_run(&self.root) {
            return Err(wrap(PrivateFault::NoExec { folder: std::env::temp_dir() }));
        }
        // In another format than ELF there is no such run path.
        let elf = octets.starts_with(&object::elf::ELFMAG);
        let links = if elf { links(octets)? } else { Links::default() };
        write(&self.artifact, octets).map_err(wrap)?;
        let object = Object::new(&links, folder.join(name), folder, folder, &[]);
        let mut walk = Walk { copy: self, lookups: 0, bytes: 0, copied: BTreeMap::new() };
        walk.all(object.map_err(wrap)?).map_err(wrap)
    }

    /// The copy of the artifact.
    pub(crate) fn artifact(&self) -> &Path {
        &self.artifact
    }

    /// What the dynamic linker says about the copy, with the paths of the originals.
    pub(crate) fn translate(&self, message: &str) -> String {
        message.replace(&*self.root.to_string_lossy(), "")
    }

    /// Which file asked for this library, if it was seen.
    pub(crate) fn needed_by(&self, library: &str) -> Option<PathBuf> {
        self.needed_by.get(OsStr::new(library)).cloned()
    }

    /// Whether the dynamic linker would bind each of the copied libraries to this very build.
    pub(crate) fn check(&self, taken: &Taken) -> Result<(), LoadFault> {
        let other = |(name, digest): &(&OsString, &[u8; 32])| {
            taken.get(*name).is_some_and(|found| found != *digest)
        };
        self.names.iter().find(other).map_or(Ok(()), |(name, _)| {
            let library = name.to_string_lossy().into_owned();
            Err(LoadFault::PrivateCopy { fault: PrivateFault::NameTaken { library } })
        })
    }

    /// Removes the folder, and notes the names of the libraries: they are mapped.
    pub(crate) fn loaded(mut self, taken: &mut Taken) {
        taken.append(&mut self.names);
    }
}

impl Drop for PrivateCopy {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever tidies the temporary folder.
        std::fs::remove_dir_all(&self.root).ok();
    }
}

/// Library names the dynamic linker has bound to private copies, with the digests of those.
///
/// It binds by name before it looks for a file, so a name means one build for the life of the
/// process.
pub(crate) type Taken = BTreeMap<OsString, [u8; 32]>;

/// The names taken so far. Held while a private copy is loaded.
pub(crate) fn taken() -> MutexGuard<'static, Taken> {
    static TAKEN: Mutex<Taken> = Mutex::new(BTreeMap::new());
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file whose needs are to be met.
struct Object {
    needed: Vec<OsString>,
    /// Its own path, for messages.
    path: PathBuf,
    /// Its place, for needs that are paths.
    beside: Beside,
    /// Where its needs are looked for.
    search: Vec<Place>,
    /// Where those of its libraries are looked for as well.
    passed_on: Vec<Place>,
}

/// A folder where libraries are looked for.
#[derive(Clone)]
enum Place {
    /// Relative to a file that is copied.
    Beside(Beside),
    /// Anywhere else: found there, a library is not copied.
    Elsewhere(PathBuf),
}

/// A folder relative to that of a file that is copied.
#[derive(Clone)]
struct Beside {
    /// The folder of that file, all links followed.
    source: PathBuf,
    /// The same folder by its name in the copy, before the root is put in front.
    mirror: PathBuf,
    /// The way from there.
    rest: PathBuf,
}

impl Object {
    fn new(
        links: &Links,
        path: PathBuf,
        source: &Path,
        mirror: &Path,
        inherited: &[Place],
    ) -> Result<Self, PrivateFault> {
        let (source, mirror) = (source.to_path_buf(), mirror.to_path_buf());
        let beside = Beside { source, mirror, rest: PathBuf::new() };
        let mut own = Vec::new();
        let paths = links.run_paths.iter().flat_map(|it| it.as_bytes().split(|it| *it == b':'));
        for element in paths.take(LOOKUPS_MAX) {
            own.push(beside.place(OsStr::from_bytes(element))?);
        }
        // ld.so(8): DT_RPATH of the one who asks, then of those it was asked by; with DT_RUNPATH
        // that alone.
        let (search, passed_on) = if links.passed_on {
            own.extend_from_slice(inherited);
            (own.clone(), own)
        } else {
            (own, inherited.to_vec())
        };
        Ok(Self { needed: links.needed.clone(), path, beside, search, passed_on })
    }
}

impl Beside {
    /// Where an element of a run path leads.
    fn place(&self, element: &OsStr) -> Result<Place, PrivateFault> {
        let Some(rest) = after_origin(element.as_bytes()) else {
            return Ok(Place::Elsewhere(PathBuf::from(element)));
        };
        let rest = PathBuf::from(OsString::from_vec(rest.to_vec()));
        // In the copy, what lies above the root of the original is the temporary folder, where
        // others may have put something.
        if climb(&self.mirror, &rest).is_none() {
            let run_path = element.to_string_lossy().into_owned();
            return Err(PrivateFault::Climbs { run_path });
        }
        Ok(Place::Beside(Self { rest, ..self.clone() }))
    }

    /// The folder of the original, all links followed.
    fn folder(&self) -> Option<PathBuf> {
        self.source.join(&self.rest).canonicalize().ok()
    }
}

/// What follows `$ORIGIN` or `${ORIGIN}`, as a relative path; None for everything else.
fn after_origin(element: &[u8]) -> Option<&[u8]> {
    let rest = [&b"$ORIGIN"[..], b"${ORIGIN}"].iter().find_map(|it| element.strip_prefix(*it))?;
    let whole = rest.is_empty() || rest.starts_with(b"/");
    let rest = &rest[rest.iter().take_while(|it| **it == b'/').count()..];
    (whole && !rest.contains(&b'$')).then_some(rest)
}

/// `base` and the way `rest` from there, by names alone; None if that leads above the root.
fn climb(base: &Path, rest: &Path) -> Option<PathBuf> {
    let mut at = base.to_path_buf();
    for part in rest.components() {
        match part {
            Component::Normal(name) => at.push(name),
            Component::ParentDir => at.pop().then_some(())?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(at)
}

/// The search for everything that one artifact needs.
struct Walk<'c> {
    copy: &'c mut PrivateCopy,
    lookups: usize,
    bytes: u64,
    /// Originals and their copies: two names of one file must stay one file, or the dynamic
    /// linker would load it twice.
    copied: BTreeMap<PathBuf, PathBuf>,
}

/// A library that is found beside a file.
struct Found {
    source: PathBuf,
    octets: Vec<u8>,
    links: Links,
    at: Beside,
    name: OsString,
}

impl Walk<'_> {
    fn all(&mut self, artifact: Object) -> Result<(), PrivateFault> {
        let mut seen = BTreeSet::new();
        let mut queue = VecDeque::from([artifact]);
        while let Some(object) = queue.pop_front() {
            for name in &object.needed {
                if !seen.insert(name.clone()) {
                    continue;
                }
                self.copy.needed_by.insert(name.clone(), object.path.clone());
                let Some(found) = self.find(&object, name)? else { continue };
                let mirror = self.keep(name, &found)?;
                let folder = found.source.parent().unwrap_or(Path::new("/"));
                let path = found.source.clone();
                let inherited = &object.passed_on;
                queue.push_back(Object::new(&found.links, path, folder, &mirror, inherited)?);
            }
        }
        Ok(())
    }

    /// Looks for a library where the dynamic linker would, up to where it leaves the copy.
    fn find(&mut self, object: &Object, name: &OsStr) -> Result<Option<Found>, PrivateFault> {
        if name.as_bytes().contains(&b'/') {
            let (folder, file) = (Path::new(name).parent(), Path::new(name).file_name());
            let (Some(folder), Some(file)) = (folder, file) else { return Ok(None) };
            return match object.beside.place(folder.as_os_str())? {
                Place::Beside(at) => self.look(&at, file),
                Place::Elsewhere(_) => Ok(None),
            };
        }
        for place in &object.search {
            match place {
                Place::Elsewhere(folder) => {
                    self.count()?;
                    if folder.join(name).is_file() {
                        return Ok(None);
                    }
                }
                Place::Beside(at) => {
                    if let Some(found) = self.look(at, name)? {
                        return Ok(Some(found));
                    }
                }
            }
        }
        Ok(None)
    }

    fn count(&mut self) -> Result<(), PrivateFault> {
        self.lookups += 1;
        if self.lookups > LOOKUPS_MAX { Err(PrivateFault::TooManyLookups) } else { Ok(()) }
    }

    fn look(&mut self, at: &Beside, name: &OsStr) -> Result<Option<Found>, PrivateFault> {
        self.count()?;
        let Some(source) = at.folder().map(|folder| folder.join(name)) else { return Ok(None) };
        if !source.is_file() {
            return Ok(None);
        }
        let wrong =
            |fault| PrivateFault::Library { library: source.clone(), fault: Box::new(fault) };
        let octets = octets(&source).map_err(wrong)?;
        let links = match links(&octets) {
            Ok(links) => links,
            // The dynamic linker passes over libraries of other machines.
            Err(LoadFault::WrongClass { .. } | LoadFault::WrongMachine { .. }) => return Ok(None),
            Err(fault) => return Err(wrong(fault)),
        };
        let name = name.to_os_string();
        Ok(Some(Found { source, octets, links, at: at.clone(), name }))
    }

    /// Puts a library into the copy; gives the name of its folder there.
    fn keep(&mut self, name: &OsStr, found: &Found) -> Result<PathBuf, PrivateFault> {
        self.bytes += found.octets.len() as u64;
        if self.bytes > LIBRARY_BYTES_MAX {
            return Err(PrivateFault::TooManyBytes { library: found.source.clone() });
        }
        if self.copied.len() == LIBRARIES_MAX {
            return Err(PrivateFault::TooManyLibraries);
        }
        let Some(mirror) = climb(&found.at.mirror, &found.at.rest) else {
            let run_path = found.at.rest.to_string_lossy().into_owned();
            return Err(PrivateFault::Climbs { run_path });
        };
        // Each folder the way passes through must be there, also one that `..` leaves again.
        let mut way = below(&self.copy.root, &found.at.mirror);
        for part in found.at.rest.components() {
            way = climb(&way, Path::new(part.as_os_str())).unwrap_or(way);
            create_all(&way)?;
        }
        let target = below(&self.copy.root, &mirror).join(&found.name);
        let original = found.source.canonicalize().unwrap_or_else(|_| found.source.clone());
        match self.copied.get(&original) {
            Some(first) if *first == target => {}
            Some(first) => std::fs::hard_link(first, &target).map_err(filling(&target))?,
            None => write(&target, &found.octets)?,
        }
        self.copied.entry(original).or_insert(target);
        let digest = sha256(&found.octets);
        let names = [Some(name), found.links.soname.as_deref()];
        for name in names.into_iter().flatten().filter(|it| !it.as_bytes().contains(&b'/')) {
            self.copy.names.insert(name.to_os_string(), digest);
        }
        Ok(mirror)
    }
}

/// An absolute path, with `root` for its root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// A folder of mode 0700 that did not exist before and whose name is never used again: the
/// dynamic linker recognises what it has loaded by path, too.
fn create_root() -> Result<PathBuf, PrivateFault> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = std::env::temp_dir();
    let refused = |path: &Path, error: io::Error| PrivateFault::Folder {
        step: Step::Create,
        path: path.to_path_buf(),
        kind: error.kind(),
    };
    let temporary = temporary.canonicalize().map_err(|error| refused(&temporary, error))?;
    let pattern = temporary.join(format!("fezz-{}-{number}-{:X<6}", std::process::id(), ""));
    let Ok(text) = CString::new(pattern.into_os_string().into_vec()) else {
        return Err(refused(&temporary, io::ErrorKind::InvalidInput.into()));
    };
    let text = text.into_raw();
    // SAFETY: a C string of our own that may be written to: mkdtemp changes its last six octets
    // to others that are not NUL. It is taken back whatever the answer is.
    let (made, text) = unsafe { (!libc::mkdtemp(text).is_null(), CString::from_raw(text)) };
    let error = io::Error::last_os_error();
    let path = PathBuf::from(OsString::from_vec(text.into_bytes()));
    if made { Ok(path) } else { Err(refused(&path, error)) }
}

/// Whether the folder's file system refuses to map code. What cannot be asked is tried.
#[cfg(target_os = "linux")]
fn may_not_run(folder: &Path) -> bool {
    let Ok(text) = CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: all zero is a value of this struct of integers.
    let mut facts: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: a C string and a struct of ours; both outlive the call.
    let asked = unsafe { libc::statvfs(text.as_ptr(), &raw mut facts) };
    asked == 0 && facts.f_flag & libc::ST_NOEXEC != 0
}

#[cfg(not(target_os = "linux"))]
const fn may_not_run(_: &Path) -> bool {
    false
}

fn filling(path: &Path) -> impl Fn(io::Error) -> PrivateFault {
    let path = path.to_path_buf();
    move |error| PrivateFault::Folder { step: Step::Write, path: path.clone(), kind: error.kind() }
}

fn create_all(folder: &Path) -> Result<(), PrivateFault> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(filling(folder))
}

/// Writes a file that is not there yet, for this user alone and never to be changed.
fn write(target: &Path, octets: &[u8]) -> Result<(), PrivateFault> {
    if let Some(folder) = target.parent() {
        create_all(folder)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(target);
    file.and_then(|mut file| file.write_all(octets)).map_err(filling(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_are_the_origin() {
        let rest = |element: &str| after_origin(element.as_bytes()).map(<[u8]>::to_vec);
        assert_eq!(rest("$ORIGIN"), Some(b"".to_vec()));
        assert_eq!(rest("${ORIGIN}/../lib"), Some(b"../lib".to_vec()));
        assert_eq!(rest("$ORIGIN//lib/"), Some(b"lib/".to_vec()));
        for other in ["", "/usr/lib", "lib/$ORIGIN", "$ORIGINAL", "$ORIGIN..", "$ORIGIN/$LIB"] {
            assert_eq!(rest(other), None, "{other}");
        }
    }

    #[test]
    fn nothing_climbs_above_the_root() {
        let way = |rest: &str| climb(Path::new("/srv/app"), Path::new(rest));
        assert_eq!(way(""), Some("/srv/app".into()));
        assert_eq!(way("../lib/./x"), Some("/srv/lib/x".into()));
        assert_eq!(way("../.."), Some("/".into()));
        assert_eq!(way("../../.."), None);
        assert_eq!(way("../../../srv/app"), None);
        assert_eq!(way("a/b/../../../../../tmp"), None);
    }

    #[test]
    fn each_root_is_new_and_for_us_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let roots = [create_root().unwrap(), create_root().unwrap()];
        assert_ne!(roots[0], roots[1]);
        for root in roots {
            let mode = std::fs::metadata(&root).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o700);
            std::fs::remove_dir(root).unwrap();
        }
    }
}
