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
use crate::index::{Index, Span};
use crate::limits::HeadLimits;
use crate::quick;
use core::arch::x86_64::{
    __cpuid, __cpuid_count, __m256i, _mm256_adds_epu8, _mm256_and_si256, _mm256_cmpeq_epi8,
    _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _xgetbv,
};
use core::sync::atomic::{AtomicU8, Ordering};

/// Shorter heads are read sooner by the other engine. At least one vector, which the ends of
/// longer ones are read with.
pub(crate) const OCTETS_LEAST: usize = 48;
const _: () = assert!(OCTETS_LEAST >= 32);

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
        unsafe { run_end(octets, at, PATH_ROWS) }
    }

    #[inline(always)]
    fn is_host(&mut self, octets: &[u8], host: Span) -> bool {
        // SAFETY: `self.proof` exists, so the processor has AVX2.
        let end = unsafe { run_end(octets, host.start(), HOST_ROWS) };
        end >= host.end()
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
            let (low_tokens, low_stops) = classify(load(block, 0));
            let (high_tokens, high_stops) = classify(load(block, 32));
            (!(low_tokens | high_tokens << 32), low_stops | high_stops << 32)
        }
        None => last_masks(octets, base),
    }
}

/// The same where fewer than 64 octets are left. What lies beyond the end is neither.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline(never)]
fn last_masks(octets: &[u8], base: usize) -> (u64, u64) {
    let left = octets.len() - base;
    let (high_tokens, high_stops) = classify(load(octets, octets.len() - 32));
    let (tokens, stops) = if left >= 32 {
        let (tokens, stops) = classify(load(octets, base));
        (tokens | high_tokens << (left - 32), stops | high_stops << (left - 32))
    } else {
        (high_tokens >> (32 - left), high_stops >> (32 - left))
    };
    (!tokens & !(u64::MAX << left), stops)
}

/// Index of the first octet from `at` on that is not in the class of `rows`, or the length.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn run_end(octets: &[u8], at: usize, rows: &[u8; 32]) -> usize {
    let mut at = at;
    while at < octets.len() {
        let start = at.min(octets.len() - 32);
        let found = look_up(load(octets, start), ONE_EACH, rows);
        let neither = _mm256_cmpeq_epi8(found, _mm256_setzero_si256());
        let outside = _mm256_movemask_epi8(neither).cast_unsigned() >> (at - start);
        if outside != 0 {
            return at + outside.trailing_zeros() as usize;
        }
        at = start + 32;
    }
    octets.len()
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

/// Token octets and control octets of one vector, one bit for each.
///
/// A token octet is looked up as 1 to 0x3f, DEL as 0x40, the other control octets as 0x80, all
/// else as 0. With 0x40 added, the sign tells control octets, and what is above 0x40 is a token.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn classify(vector: __m256i) -> (u64, u64) {
    let both = _mm256_adds_epu8(look_up(vector, COLUMNS, ROWS), _mm256_set1_epi8(0x40));
    let tokens = _mm256_movemask_epi8(_mm256_cmpgt_epi8(both, _mm256_set1_epi8(0x40)));
    let stops = _mm256_movemask_epi8(both);
    (u64::from(tokens.cast_unsigned()), u64::from(stops.cast_unsigned()))
}

/// The bits that the column of its high nibble and the row of its low one share, for each octet.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn look_up(vector: __m256i, columns: &[u8; 32], rows: &[u8; 32]) -> __m256i {
    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(vector), _mm256_set1_epi8(0x0f));
    let column = _mm256_shuffle_epi8(load(columns, 0), high);
    _mm256_and_si256(column, _mm256_shuffle_epi8(load(rows, 0), vector))
}

/// By high nibble: control octets in bit 7, DEL in bit 6, token octets in bits 0 to 5. Twice,
/// because vectors are shuffled in halves.
static COLUMNS: &[u8; 32] = &twice([0x80, 0x80, 1, 2, 4, 8, 16, 32 | 0x40, 0, 0, 0, 0, 0, 0, 0, 0]);
/// By low nibble.
static ROWS: &[u8; 32] = &{
    let mut rows = [0x80; 16];
    rows[0xf] |= 0x40;
    let mut octet = 0x20u8;
    while octet < 0x7f {
        if Class::TOKEN.has(octet) {
            rows[(octet & 0xf) as usize] |= 1 << ((octet >> 4) - 2);
        }
        octet += 1;
    }
    twice(rows)
};

/// By high nibble: one bit each.
static ONE_EACH: &[u8; 32] = &twice([1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0]);
static PATH_ROWS: &[u8; 32] = &rows(Class::PATH);
static HOST_ROWS: &[u8; 32] = &rows(Class::HOST);

/// By low nibble: the bits of the high nibbles it makes an octet of the class with.
const fn rows(class: Class) -> [u8; 32] {
    let mut rows = [0; 16];
    let mut octet = 0u8;
    while octet < 0x80 {
        if class.has(octet) {
            rows[(octet & 0xf) as usize] |= 1 << (octet >> 4);
        }
        octet += 1;
    }
    twice(rows)
}

const fn twice(half: [u8; 16]) -> [u8; 32] {
    let mut both = [0; 32];
    let mut at = 0;
    while at < 32 {
        both[at] = half[at % 16];
        at += 1;
    }
    both
}
