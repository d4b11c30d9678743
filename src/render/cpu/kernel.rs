//! The innermost loop of convolutions: a few rows of weights times a panel of columns, kept in registers.
//!
//! Every product is fused with its sum (one rounding).  IEEE 754 defines that to the bit, so a processor that works on
//! sixteen columns at a time and one that works on one give the same numbers, and a picture is the same on all
//! machines; a general matrix library picks other orders of summation on other machines.  x86 processors before Haswell (2013) have no
//! such instruction and compute it slowly.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The compiler's choice.
    Plain,
}

/// A kernel that this processor can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    // Private: a value of a set exists only where the processor was seen to have it.
    set: Set,
}

impl Kernel {
    /// All kernels of this processor, the fastest first.
    pub fn all() -> Vec<Kernel> {
        let mut all = vec![];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                all.push(Kernel { set: Set::Avx512 });
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Kernel { set: Set::Avx2 });
            }
        }
        all.push(Kernel { set: Set::Plain });
        all
    }

    /// The fastest kernel of this processor.
    pub fn best() -> Kernel {
        Kernel::all()[0]
    }

    /// For people: `AVX-512`.
    pub fn name(self) -> &'static str {
        match self.set {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2",
            Set::Plain if cfg!(target_arch = "aarch64") => "NEON",
            Set::Plain => "plain",
        }
    }

    /// Output channels that one run works on.
    pub fn rows(self) -> usize {
        match self.set {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => 8,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => 6,
            Set::Plain => 8,
        }
    }

    /// Positions that one run works on: a multiple of 8.
    pub fn columns(self) -> usize {
        match self.set {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => 32,
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => 16,
            Set::Plain => 8,
        }
    }

    /// `c[i·stride + j] = Σ a[k·rows + i]·b[k·columns + j]`, added to what stood there unless it is the `first` sum.
    ///
    /// Each sum starts from 0 and runs in the order of k.  Where only the first positions are wanted (`half`: at most
    /// half of the columns), the others may be left as they were.
    #[inline]
    pub fn run(self, a: &[f32], b: &[f32], c: &mut [f32], stride: usize, first: bool, half: bool) {
        let (rows, columns) = (self.rows(), self.columns());
        let depth = a.len() / rows;
        assert!(a.len() == depth * rows && b.len() >= depth * columns, "panels have the same depth");
        assert!(stride >= columns && c.len() >= (rows - 1) * stride + columns, "the result has room");
        match self.set {
            // SAFETY: the processor has the instructions (see `set`), and the lengths were just checked.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Set::Avx512 if half => unsafe { x86::avx512::<1>(depth, a, b, c, stride, first) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Set::Avx512 => unsafe { x86::avx512::<2>(depth, a, b, c, stride, first) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Set::Avx2 if half => unsafe { x86::avx2::<1>(depth, a, b, c, stride, first) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Set::Avx2 => unsafe { x86::avx2::<2>(depth, a, b, c, stride, first) },
            Set::Plain => plain::<8, 8>(a, b, c, stride, first),
        }
    }
}

/// The same in the language itself; compilers turn the inner loop into vectors.
fn plain<const ROWS: usize, const COLUMNS: usize>(a: &[f32], b: &[f32], c: &mut [f32], stride: usize, first: bool) {
    let mut sums = [[0f32; COLUMNS]; ROWS];
    for (a, b) in a.as_chunks::<ROWS>().0.iter().zip(b.as_chunks::<COLUMNS>().0) {
        for (sums, a) in sums.iter_mut().zip(a) {
            for (sum, b) in sums.iter_mut().zip(b) {
                *sum = a.mul_add(*b, *sum);
            }
        }
    }
    for (row, sums) in c.chunks_mut(stride).zip(&sums) {
        for (value, sum) in row.iter_mut().zip(sums) {
            *value = if first { *sum } else { *value + sum };
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    use std::arch::x86_64::*;

    /// Weights are asked for this many values early: those of small layers come from memory, once per picture.
    const AHEAD: usize = 1024;

    /// 8 rows of one or two vectors of 16; panels have room for two.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512F; `a` holds `8·depth` values, `b` at least `32·depth`, `c` at least `7·stride + 32`.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn avx512<const VECTORS: usize>(
        depth: usize,
        a: &[f32],
        b: &[f32],
        c: &mut [f32],
        stride: usize,
        first: bool,
    ) {
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; 8];
        let (mut a, mut b) = (a.as_ptr(), b.as_ptr());
        for _ in 0..depth {
            // SAFETY: `a` and `b` move by one of `depth` rows at a time, and loads take any alignment; a prefetch may
            // name any address.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(AHEAD).cast());
                let columns: [_; VECTORS] = std::array::from_fn(|at| _mm512_loadu_ps(b.add(16 * at)));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let weight = _mm512_set1_ps(*a.add(row));
                    for (sum, columns) in sums.iter_mut().zip(columns) {
                        *sum = _mm512_fmadd_ps(weight, columns, *sum);
                    }
                }
                (a, b) = (a.add(8), b.add(32));
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                // SAFETY: row 7 ends at `7·stride + 32`.
                unsafe {
                    let at = c.as_mut_ptr().add(row * stride + 16 * vector);
                    _mm512_storeu_ps(at, if first { *sum } else { _mm512_add_ps(_mm512_loadu_ps(at), *sum) });
                }
            }
        }
    }

    /// 6 rows of one or two vectors of 8 (two are, with the weights, all of the 16 registers); panels have room for two.
    ///
    /// # Safety
    ///
    /// The processor has AVX2 and FMA; `a` holds `6·depth` values, `b` at least `16·depth`, `c` at least `5·stride + 16`.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn avx2<const VECTORS: usize>(
        depth: usize,
        a: &[f32],
        b: &[f32],
        c: &mut [f32],
        stride: usize,
        first: bool,
    ) {
        let mut sums = [[_mm256_setzero_ps(); VECTORS]; 6];
        let (mut a, mut b) = (a.as_ptr(), b.as_ptr());
        for _ in 0..depth {
            // SAFETY: `a` and `b` move by one of `depth` rows at a time, and loads take any alignment; a prefetch may
            // name any address.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(a.wrapping_add(AHEAD).cast());
                let columns: [_; VECTORS] = std::array::from_fn(|at| _mm256_loadu_ps(b.add(8 * at)));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let weight = _mm256_set1_ps(*a.add(row));
                    for (sum, columns) in sums.iter_mut().zip(columns) {
                        *sum = _mm256_fmadd_ps(weight, columns, *sum);
                    }
                }
                (a, b) = (a.add(6), b.add(16));
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                // SAFETY: row 5 ends at `5·stride + 16`.
                unsafe {
                    let at = c.as_mut_ptr().add(row * stride + 8 * vector);
                    _mm256_storeu_ps(at, if first { *sum } else { _mm256_add_ps(_mm256_loadu_ps(at), *sum) });
                }
            }
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Numbers from -1 to 1, the same for every run.
    pub fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// One kernel against sums in f64, and bit for bit against one column at a time.
    #[track_caller]
    fn check(kernel: Kernel, depth: usize, stride: usize, first: bool, half: bool) {
        let (rows, columns) = (kernel.rows(), kernel.columns());
        let (a, b) = (numbers(depth * rows, 1), numbers(depth * columns, 2));
        let before = numbers(rows * stride, 3);
        let mut c = before.clone();
        kernel.run(&a, &b, &mut c, stride, first, half);
        for i in 0..rows {
            for j in 0..stride {
                let at = i * stride + j;
                if j >= columns {
                    assert_eq!(c[at], before[at], "{kernel:?} leaves what is beside its columns");
                    continue;
                }
                if half && j >= columns / 2 {
                    continue;
                }
                let start = if first { 0.0 } else { before[at] };
                let exact: f64 = (0..depth).map(|k| f64::from(a[k * rows + i]) * f64::from(b[k * columns + j])).sum();
                assert!((f64::from(c[at]) - exact - f64::from(start)).abs() < 1e-4, "{kernel:?} {i} {j}");
                let sum = (0..depth).fold(0f32, |sum, k| a[k * rows + i].mul_add(b[k * columns + j], sum));
                assert_eq!(c[at].to_bits(), if first { sum } else { start + sum }.to_bits(), "{kernel:?} {i} {j}");
            }
        }
    }

    #[test]
    fn all_kernels_give_the_same_bits() {
        for kernel in Kernel::all() {
            for depth in [0, 1, 7, 288] {
                for half in [false, true] {
                    check(kernel, depth, kernel.columns(), true, half);
                    check(kernel, depth, kernel.columns() + 5, false, half);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "room")]
    fn a_result_without_room_is_refused() {
        let kernel = Kernel::best();
        kernel.run(&[], &[], &mut [0.0; 8], kernel.columns(), true, false);
    }
}
