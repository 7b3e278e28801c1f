//! A safe face over a loaded artifact: load it once, call it often, free every answer in time.
//!
//! Absent on purpose: unloading. Thread-local destructors make it unsafe, so an artifact stays
//! mapped until the process ends. Also absent: judging the answer, which is `fezz-wire`'s part.
#![expect(unsafe_code, reason = "calling foreign code is what this module is for")]

use std::fmt;
use std::io::Write as _;
use std::mem::{forget, transmute};
use std::path::{Path, PathBuf};

use libloading::os::unix::Library;

use crate::artifact::{self, Inspection};
use crate::legacy::Legacy;
pub use crate::load_error::{Foreign, LoadError, LoadFault, Table};
use crate::load_options::{Abi, LoadOptions};
use crate::types::{FezzOwned, FezzSlice};
use crate::version::{FezzIdentityV1, SYMBOL_FREE, SYMBOL_HANDLE};

mod call_error;
mod open;
mod optional;
#[cfg(target_os = "linux")]
mod sealed;
mod step_error;

pub use call_error::CallError;
pub(crate) use open::address;
use open::{open, open_file, verify};
use optional::Optional;
pub use optional::{Exports, FALLBACKS, Handshake, SelfCheck};
pub use step_error::{
    HandshakeError, HandshakeFault, InitError, InitFault, SelfCheckError, SelfCheckFault,
    StepError, StepFault,
};

/// Largest answer a function may hand over unless the operator says otherwise, in octets: a body
/// of 16 MiB, a head of 64 KiB and generous room for what an encoder adds. It bounds how much
/// foreign memory is read when a function returns a length that is wrong.
pub const RESPONSE_BYTES_MAX: usize = 17 * 1024 * 1024;

// The same functions as in `types`, but allowed to unwind, so that an exception which crosses the
// boundary arrives at `Culprit` instead of being undefined.
type Handle = unsafe extern "C-unwind" fn(FezzSlice) -> FezzOwned;
type Free = unsafe extern "C-unwind" fn(FezzOwned);

/// A loaded artifact. It may be called from several threads at once and is never unloaded;
/// dropping the value ends nothing but the possibility to call it.
pub struct Function {
    entry: Entry,
    optional: Optional,
    response_bytes_max: usize,
    path: PathBuf,
    inspection: Inspection,
}

/// How it is called.
enum Entry {
    V2(Pair),
    V1(Legacy),
}

/// The two symbols of the boundary.
#[derive(Clone, Copy)]
struct Pair {
    handle: Handle,
    free: Free,
}

impl Function {
    /// Examines the file without running it, then loads it with all its symbols bound and none of
    /// them visible to other artifacts. Its constructors run on this thread.
    ///
    /// The octets that were examined are the octets that are mapped. On Linux they are copied
    /// into sealed memory first, so replacing or truncating the file afterwards disturbs nobody
    /// and loading it again gives a new instance. An artifact with a run path relative to the file
    /// is copied to a private folder instead, with the libraries which that run path leads to; the
    /// folder is removed once they are mapped. Two artifacts that bring along the same build of a
    /// library share one instance of it; another build under the same name is refused.
    ///
    /// # Errors
    /// What was found, what was expected and what to do about it.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Self::load_with(path, &LoadOptions::default())
    }

    /// Like [`load`](Self::load), with what the operator says about the artifact. Nothing of it
    /// runs unless all of that is true.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with(path: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        let (octets, inspection) = artifact::read(path, options.abi)?;
        verify(&inspection, options).map_err(|fault| LoadError::new(path, fault))?;
        let library = open(path, &octets, &inspection, options)?;
        Self::bind(path, library, inspection)
    }

    /// Like [`load`](Self::load), but always maps the file itself, under its own name: debuggers
    /// and profilers find its symbols. Replacing the file must then be done by renaming another
    /// over it, and loading one file twice gives one instance.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_in_place(path: &Path) -> Result<Self, LoadError> {
        let (_, inspection) = artifact::read(path, Abi::V2)?;
        let library = open_file(path)?;
        Self::bind(path, library, inspection)
    }

    fn bind(path: &Path, library: Library, inspection: Inspection) -> Result<Self, LoadError> {
        let entry = match inspection.abi {
            Abi::V2 => Entry::V2(Pair::bind(path, &library)?),
            Abi::V1 => Entry::V1(Legacy::bind(path, &library)?),
        };
        let optional = Optional::bind(path, &library, &inspection)?;
        // Never unloaded: see the module documentation.
        forget(library);
        let path = path.to_path_buf();
        Ok(Self { entry, optional, response_bytes_max: RESPONSE_BYTES_MAX, path, inspection })
    }

    /// The same function with another limit on the length of an answer, in octets.
    #[must_use]
    pub fn with_response_bytes_max(mut self, octets: usize) -> Self {
        self.response_bytes_max = octets;
        self
    }

    /// The limit on the length of an answer, in octets.
    #[must_use]
    pub const fn response_bytes_max(&self) -> usize {
        self.response_bytes_max
    }

    /// The name in its identity, else the file's name without `lib` and extension.
    #[must_use]
    pub fn name(&self) -> &str {
        self.inspection.name()
    }

    /// The file it was loaded from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who the artifact says it is, if it exports an identity.
    #[must_use]
    pub fn identity(&self) -> Option<&FezzIdentityV1> {
        self.inspection.identity.as_ref()
    }

    /// The boundary it speaks. [`Abi::V1`] is deprecated and worth a warning.
    #[must_use]
    pub const fn abi(&self) -> Abi {
        self.inspection.abi
    }

    /// SHA-256 of the octets that were examined and, but for
    /// [`load_in_place`](Self::load_in_place), mapped.
    #[must_use]
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.inspection.sha256
    }

    /// Answers that could not be freed so far: an artifact of the JSON boundary need not export
    /// `fezz_free`. Always 0 for the present boundary.
    #[must_use]
    pub fn leaked_answers(&self) -> u64 {
        match &self.entry {
            Entry::V2(_) => 0,
            Entry::V1(legacy) => legacy.leaked(),
        }
    }

    /// What was read in the file before it was loaded.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Calls the function with one request envelope and gives its answer to `reply`.
    ///
    /// The answer is freed exactly once, on this thread, before this returns, also when `reply`
    /// unwinds. It is not freed when there is nothing to free (a null pointer) or when the memory
    /// is not the function's to hand over (a pointer into `request`).
    ///
    /// If an exception leaves the function, the process ends with a message that names the
    /// artifact: the state behind the boundary is unknown then, and there is no way to go on.
    pub fn call<R>(&self, request: &[u8], reply: impl FnOnce(Result<&[u8], CallError>) -> R) -> R {
        match &self.entry {
            Entry::V2(pair) => pair.call(&self.path, request, self.response_bytes_max, reply),
            Entry::V1(legacy) => {
                let answer = legacy.call(&self.path, request, self.response_bytes_max);
                reply(answer.as_deref().map_err(|error| *error))
            }
        }
    }
}

impl Pair {
    fn bind(path: &Path, library: &Library) -> Result<Self, LoadError> {
        // SAFETY: the examination found both symbols defined as functions in this artifact. That
        // they have the signatures of the boundary is the promise an artifact makes by their
        // names; no host can check it.
        unsafe {
            Ok(Self {
                handle: transmute::<*mut (), Handle>(address(path, library, SYMBOL_HANDLE)?),
                free: transmute::<*mut (), Free>(address(path, library, SYMBOL_FREE)?),
            })
        }
    }

    #[inline]
    fn call<R>(
        self,
        path: &Path,
        request: &[u8],
        max: usize,
        reply: impl FnOnce(Result<&[u8], CallError>) -> R,
    ) -> R {
        let culprit = Culprit { path };
        // SAFETY: `handle` is the artifact's `fezz_handle_v2`, still mapped; the slice is valid
        // for reads until the call returns and the function promises not to keep it.
        let answer = unsafe { (self.handle)(FezzSlice::lend(request)) };
        forget(culprit);
        let error = judge(request, answer, max).err();
        let _debt = match error {
            Some(error) if !error.owes_free() => None,
            _ => Some(Debt { free: self.free, answer, path }),
        };
        match error {
            Some(error) => reply(Err(error)),
            // SAFETY: not null, not empty, shorter than isize::MAX and clear of the request; that
            // the function really owns so many octets is its promise. `_debt` outlives the slice.
            None => reply(Ok(unsafe { std::slice::from_raw_parts(answer.ptr, answer.len) })),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("name", &self.name()).field("path", &self.path).finish()
    }
}

/// An answer that must be freed; dropping it pays.
struct Debt<'f> {
    free: Free,
    answer: FezzOwned,
    path: &'f Path,
}

impl Drop for Debt<'_> {
    fn drop(&mut self) {
        let culprit = Culprit { path: self.path };
        // SAFETY: exactly the two values `fezz_handle_v2` returned in this call, on the thread
        // that made it, and only once because dropping happens once.
        unsafe { (self.free)(self.answer) };
        forget(culprit);
    }
}

/// Dropped only while unwinding out of foreign code: names the artifact and ends the process.
pub(crate) struct Culprit<'f> {
    pub(crate) path: &'f Path,
}

impl Drop for Culprit<'_> {
    #[cold]
    fn drop(&mut self) {
        // Nobody is left to tell if standard error is gone.
        writeln!(
            std::io::stderr(),
            "fezz: {}: an exception or panic left the function; it must be caught inside \
             (the Rust SDK does). The process ends because its state is unknown.",
            self.path.display()
        )
        .ok();
        std::process::abort();
    }
}

/// Decides about an answer by its two words alone, before anything behind them is read.
fn judge(request: &[u8], answer: FezzOwned, max: usize) -> Result<(), CallError> {
    let len = answer.len;
    if answer.ptr.is_null() {
        return Err(if len == 0 {
            CallError::NoResponse
        } else {
            CallError::NullWithLength { len }
        });
    }
    let lent = request.as_ptr_range();
    let first = answer.ptr.cast_const();
    if lent.contains(&first) {
        return Err(CallError::PointsIntoRequest);
    }
    if len == 0 {
        return Err(CallError::EmptyResponse);
    }
    let max = max.min(isize::MAX.unsigned_abs());
    let Some(end) = first.addr().checked_add(len).filter(|_| len <= max) else {
        return Err(CallError::LengthTooLarge { len, max });
    };
    // An object of the function cannot reach into one of ours: the length is wrong.
    if first < lent.start && end > lent.start.addr() && !request.is_empty() {
        return Err(CallError::RunsIntoRequest { len });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 100;

    fn judged(request: &[u8], ptr: usize, len: usize) -> Result<(), CallError> {
        judge(request, FezzOwned { ptr: std::ptr::without_provenance_mut(ptr), len }, MAX)
    }

    #[test]
    fn every_answer_is_judged_by_its_two_words() {
        let request = [0_u8; 16];
        let at = request.as_ptr().addr();
        assert_eq!(judged(&request, 0, 0), Err(CallError::NoResponse));
        assert_eq!(judged(&request, 0, 9), Err(CallError::NullWithLength { len: 9 }));
        assert_eq!(judged(&request, at + 16, 0), Err(CallError::EmptyResponse));
        assert_eq!(judged(&request, at + 16, 1), Ok(()));
        assert_eq!(judged(&request, at + 16, 100), Ok(()));
        for len in [0, 1, 16, 500] {
            assert_eq!(judged(&request, at, len), Err(CallError::PointsIntoRequest));
            assert_eq!(judged(&request, at + 15, len), Err(CallError::PointsIntoRequest));
        }
        assert_eq!(judged(&request, at - 4, 4), Ok(()));
        assert_eq!(judged(&request, at - 4, 5), Err(CallError::RunsIntoRequest { len: 5 }));
        assert_eq!(judged(&[], at - 4, 5), Ok(()));
        for len in [101, isize::MAX.unsigned_abs() + 1, usize::MAX] {
            let expected = Err(CallError::LengthTooLarge { len, max: MAX });
            assert_eq!(judged(&request, at + 16, len), expected);
        }
        assert_eq!(
            judged(&request, usize::MAX - 3, 5),
            Err(CallError::LengthTooLarge { len: 5, max: MAX })
        );
    }

    #[test]
    fn no_limit_of_an_operator_reaches_beyond_memory() {
        let answer = FezzOwned { ptr: std::ptr::without_provenance_mut(64), len: usize::MAX };
        let max = isize::MAX.unsigned_abs();
        assert_eq!(
            judge(&[], answer, usize::MAX),
            Err(CallError::LengthTooLarge { len: usize::MAX, max })
        );
    }
}
