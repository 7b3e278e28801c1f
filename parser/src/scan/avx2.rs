//! Blocks of 64 octets become bit masks, and ends of runs are found in the masks.
//!
//! Blocks stand at fixed places, not where lines begin: the processor makes the masks of the
//! next block while it still looks for the end of a line in this one. Where fewer than 64 octets
//! are left, vectors are read that end with them: nothing is read beyond.
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
    let mut blocks = Blocks { proof, base: 0, breaks: 0, stops: 0 };
    blocks.look(octets, 0);
    quick::read(&mut blocks, octets, limits, index)
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

/// The masks of the block being looked at: bit `n` tells of octet `base + n`.
pub(crate) struct Blocks {
    proof: Avx2,
    /// A multiple of 64.
    base: usize,
    /// Octets that no token may hold.
    breaks: u64,
    /// Control octets; each of them is among the breaks.
    stops: u64,
}

impl Scan for Blocks {
    #[inline(always)]
    fn line(&mut self, octets: &[u8], at: usize) -> (usize, usize) {
        let name_end = self.find(octets, at, |blocks| blocks.breaks);
        (name_end, self.find(octets, name_end, |blocks| blocks.stops))
    }

    #[inline(always)]
    fn path_end(&mut self, octets: &[u8], at: usize) -> usize {
        // SAFETY: `self.proof` exists, so the processor has AVX2.
        unsafe { path_end(octets, at) }
    }
}

impl Blocks {
    /// Index of the first marked octet from `at` on, or the length.
    #[inline(always)]
    fn find(&mut self, octets: &[u8], at: usize, mask: impl Fn(&Self) -> u64) -> usize {
        let mut at = at;
        loop {
            let ahead = at.wrapping_sub(self.base);
            if ahead < 64 {
                let found = mask(self) >> ahead;
                if found != 0 {
                    return at + found.trailing_zeros() as usize;
                }
                at = self.base + 64;
            }
            if at >= octets.len() {
                return octets.len();
            }
            self.look(octets, at & !63);
        }
    }

    #[inline(always)]
    fn look(&mut self, octets: &[u8], base: usize) {
        let Avx2(()) = self.proof;
        self.base = base;
        // SAFETY: `self.proof` exists, so the processor has AVX2.
        (self.breaks, self.stops) = unsafe { masks(octets, base) };
    }
}

/// `breaks` and `stops` of the octets from `base` on, at most 64 and at least one.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn masks(octets: &[u8], base: usize) -> (u64, u64) {
    match octets.get(base..).and_then(|rest| rest.first_chunk::<64>()) {
        Some(block) => {
            let (low, high) = (load(block, 0), load(block, 32));
            (
                u64::from(token_breaks(low)) | u64::from(token_breaks(high)) << 32,
                u64::from(control(low)) | u64::from(control(high)) << 32,
            )
        }
        None => last_masks(octets, base),
    }
}

/// The same where fewer than 64 octets are left.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline(never)]
fn last_masks(octets: &[u8], base: usize) -> (u64, u64) {
    let high = load(octets, octets.len() - 32);
    let (high_breaks, high_stops) = (u64::from(token_breaks(high)), u64::from(control(high)));
    match octets.len() - base {
        left @ 32.. => {
            let low = load(octets, base);
            (
                u64::from(token_breaks(low)) | high_breaks << (left - 32),
                u64::from(control(low)) | high_stops << (left - 32),
            )
        }
        left => (high_breaks >> (32 - left), high_stops >> (32 - left)),
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
