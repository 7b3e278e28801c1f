//! Windows of 64 octets become bit masks, and ends of runs are found in the masks.
//!
//! A window starts with a line, so that most lines are read in one. Where fewer than 64 octets
//! are left, the window ends with them and its masks are shifted: nothing is read beyond.
//!
//! A class of ASCII octets is looked up by nibbles: one table row per low nibble says for which
//! high nibbles the octet is in the class. Octets from 0x80 on are in no such class, which is
//! what the shuffle instruction does with them by itself.

use super::Scan;
use crate::class::Class;
use crate::index::Index;
use crate::limits::HeadLimits;
use crate::quick;
use core::arch::x86_64::{
    __cpuid, __cpuid_count, __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256,
    _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srli_epi16, _xgetbv,
};
use core::sync::atomic::{AtomicU8, Ordering};

/// Octets in one vector; shorter heads are for the other engine.
pub(crate) const OCTETS_LEAST: usize = 32;

/// Proof that the processor and the system support AVX2, BMI1 and BMI2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// 0: not asked yet; 1: no; 2: yes.
static SUPPORT: AtomicU8 = AtomicU8::new(0);

impl Avx2 {
    /// Asks the processor once per process.
    #[inline(always)]
    pub(crate) fn detect() -> Option<Self> {
        match SUPPORT.load(Ordering::Relaxed) {
            2 => Some(Self(())),
            1 => None,
            _ => Self::ask(),
        }
    }

    #[cold]
    fn ask() -> Option<Self> {
        let supported = is_supported();
        SUPPORT.store(1 + u8::from(supported), Ordering::Relaxed);
        supported.then_some(Self(()))
    }

    /// Reads a whole head of at least [`OCTETS_LEAST`] octets, or declines.
    #[inline(always)]
    pub(crate) fn read(
        self,
        octets: &[u8],
        limits: &HeadLimits,
        index: &mut Index,
    ) -> Option<usize> {
        // SAFETY: `self` exists, so the processor has what `read_featured` is compiled for.
        unsafe { read_featured(self, octets, limits, index) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn read_featured(
    proof: Avx2,
    octets: &[u8],
    limits: &HeadLimits,
    index: &mut Index,
) -> Option<usize> {
    let mut windows = Windows { proof, last: usize::MAX, breaks: 0, stops: 0 };
    quick::read(&mut windows, octets, limits, index)
}

/// Intel SDM volume 1 §14.3, §14.7: AVX2 counts when the system saves the upper halves too.
fn is_supported() -> bool {
    const XSAVE_AND_AVX: u32 = 1 << 27 | 1 << 28;
    const BMI1_AVX2_BMI2: u32 = 1 << 3 | 1 << 5 | 1 << 8;
    const SSE_AND_AVX_STATE: u64 = 0b110;
    if __cpuid(0).eax < 7 || __cpuid(1).ecx & XSAVE_AND_AVX != XSAVE_AND_AVX {
        return false;
    }
    // SAFETY: OSXSAVE is set, so XGETBV is an instruction here.
    let saved = unsafe { _xgetbv(0) };
    saved & SSE_AND_AVX_STATE == SSE_AND_AVX_STATE
        && __cpuid_count(7, 0).ebx & BMI1_AVX2_BMI2 == BMI1_AVX2_BMI2
}

/// Masks of the octets at the end: bit `n` tells of octet `last + n`.
pub(crate) struct Windows {
    proof: Avx2,
    /// Where the last window starts; `usize::MAX` before it is needed.
    last: usize,
    /// Octets that no token may hold.
    breaks: u64,
    /// Control octets.
    stops: u64,
}

impl Scan for Windows {
    #[inline(always)]
    fn line(&mut self, octets: &[u8], at: usize) -> (usize, usize) {
        // SAFETY: `self.proof` exists, so the processor has AVX2.
        unsafe { line(self, octets, at) }
    }

    #[inline(always)]
    fn path_end(&mut self, octets: &[u8], at: usize) -> usize {
        // SAFETY: `self.proof` exists, so the processor has AVX2.
        unsafe { path_end(octets, at) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn line(windows: &mut Windows, octets: &[u8], at: usize) -> (usize, usize) {
    let Avx2(()) = windows.proof;
    if let Some(window) = octets.get(at..).and_then(|rest| rest.first_chunk::<64>()) {
        let (low, high) = (load(window, 0), load(window, 32));
        let breaks = token_breaks(low);
        let stops = u64::from(control(low)) | u64::from(control(high)) << 32;
        let name = breaks.trailing_zeros() as usize;
        let name_end = if breaks != 0 { at + name } else { Class::TOKEN.end(octets, at + 32) };
        let length = stops.trailing_zeros() as usize;
        let value_end = if stops != 0 { at + length } else { long_value_end(octets, at + 64) };
        return (name_end, value_end);
    }
    if windows.last == usize::MAX {
        (windows.last, windows.breaks, windows.stops) = last_window(octets);
    }
    let skipped = at - windows.last;
    let end_of = |mask: u64| match mask >> skipped {
        0 => octets.len(),
        rest => at + rest.trailing_zeros() as usize,
    };
    (end_of(windows.breaks), end_of(windows.stops))
}

/// The last 64 octets, or all of them: where they start, and their `breaks` and `stops`.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn last_window(octets: &[u8]) -> (usize, u64, u64) {
    let start = octets.len().saturating_sub(64);
    let ahead = octets.len() - start - 32;
    let (low, high) = (load(octets, start), load(octets, start + ahead));
    (
        start,
        u64::from(token_breaks(low)) | u64::from(token_breaks(high)) << ahead,
        u64::from(control(low)) | u64::from(control(high)) << ahead,
    )
}

/// The end of a value that goes on at `at`.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn long_value_end(octets: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(window) = octets.get(at..).and_then(|rest| rest.first_chunk::<64>()) {
        let (low, high) = (load(window, 0), load(window, 32));
        let stops = u64::from(control(low)) | u64::from(control(high)) << 32;
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += 64;
    }
    let start = octets.len() - 64;
    let (low, high) = (load(octets, start), load(octets, start + 32));
    let stops = u64::from(control(low)) | u64::from(control(high)) << 32;
    match stops.unbounded_shr((at - start) as u32) {
        0 => octets.len(),
        rest => at + rest.trailing_zeros() as usize,
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn path_end(octets: &[u8], at: usize) -> usize {
    let mut at = at;
    while at < octets.len() {
        let found = path_breaks(octets, at);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += 32;
    }
    octets.len()
}

/// Octets from `at` on, at most 32, that no path holds.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn path_breaks(octets: &[u8], at: usize) -> u32 {
    let start = at.min(octets.len() - 32);
    outside(load(octets, start), PATH_ROWS) >> (at - start)
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn load(octets: &[u8], at: usize) -> __m256i {
    match octets.get(at..).and_then(|rest| rest.first_chunk::<32>()) {
        // SAFETY: 32 octets are read where 32 octets are borrowed; no alignment is asked for.
        Some(vector) => unsafe { _mm256_loadu_si256(vector.as_ptr().cast()) },
        None => _mm256_setzero_si256(),
    }
}

/// One bit per octet that no token may hold.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn token_breaks(vector: __m256i) -> u32 {
    outside(vector, TOKEN_ROWS)
}

/// One bit per octet below 0x20, and per DEL.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn control(vector: __m256i) -> u32 {
    let low = _mm256_cmpeq_epi8(_mm256_min_epu8(vector, _mm256_set1_epi8(0x1f)), vector);
    let delete = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(0x7f));
    _mm256_movemask_epi8(_mm256_or_si256(low, delete)).cast_unsigned()
}

/// One bit per octet outside the class that `rows` describes.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn outside(vector: __m256i, rows: &[u8; 32]) -> u32 {
    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(vector), _mm256_set1_epi8(0x0f));
    let column = _mm256_shuffle_epi8(load(HIGH_NIBBLES, 0), high);
    let row = _mm256_shuffle_epi8(load(rows, 0), vector);
    let neither = _mm256_cmpeq_epi8(_mm256_and_si256(row, column), _mm256_setzero_si256());
    _mm256_movemask_epi8(neither).cast_unsigned()
}

/// The bit of each high nibble; twice, because vectors are shuffled in halves.
static HIGH_NIBBLES: &[u8; 32] = &{
    let mut table = [0; 32];
    let mut high = 0;
    while high < 8 {
        table[high] = 1 << high;
        table[high + 16] = 1 << high;
        high += 1;
    }
    table
};
static TOKEN_ROWS: &[u8; 32] = &rows(Class::TOKEN);
static PATH_ROWS: &[u8; 32] = &rows(Class::PATH);

/// For each low nibble, the bits of the high nibbles it is in the class with; twice.
const fn rows(class: Class) -> [u8; 32] {
    let mut table = [0; 32];
    let mut octet = 0u8;
    while octet < 0x80 {
        if class.has(octet) {
            let low = (octet & 0x0f) as usize;
            table[low] |= 1 << (octet >> 4);
            table[low + 16] |= 1 << (octet >> 4);
        }
        octet += 1;
    }
    table
}
