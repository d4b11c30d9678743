//! Writing large layers past the caches.
//!
//! A usual write first reads the line that it changes.  Of a layer that is larger than the caches nothing is found in them
//! when it is read again, so that reading is for nothing, and what the caches held is lost.

/// Copies values to where nobody looks before [`settle`] was called.
pub fn write(from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "a copy has the length of its source");
    #[cfg(target_arch = "x86_64")]
    {
        let start = to.as_ptr().align_offset(64).min(to.len());
        let (before, to) = to.split_at_mut(start);
        before.copy_from_slice(&from[..start]);
        let (lines, rest) = to.as_chunks_mut::<16>();
        let (whole, last) = from[start..].as_chunks::<16>();
        rest.copy_from_slice(last);
        // SAFETY: the lines begin at multiples of 64, and the processor has the instructions (all x86-64 have SSE2).
        #[allow(unsafe_code)]
        unsafe {
            if is_x86_feature_detected!("avx512f") { x86::avx512(whole, lines) } else { x86::sse2(whole, lines) }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    to.copy_from_slice(from);
}

/// What this thread has written is seen by all that it tells that it is done.
pub fn settle() {
    // SAFETY: all x86-64 processors have the instruction.
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code, unused_unsafe)]
    unsafe {
        std::arch::x86_64::_mm_sfence()
    };
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod x86 {
    use std::arch::x86_64::*;

    /// # Safety
    ///
    /// The processor has AVX-512F; `to` begins at a multiple of 64.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn avx512(from: &[[f32; 16]], to: &mut [[f32; 16]]) {
        for (to, from) in to.iter_mut().zip(from) {
            // SAFETY: a vector is a line.
            unsafe { _mm512_stream_ps(to.as_mut_ptr(), _mm512_loadu_ps(from.as_ptr())) };
        }
    }

    /// # Safety
    ///
    /// `to` begins at a multiple of 16.
    pub unsafe fn sse2(from: &[[f32; 16]], to: &mut [[f32; 16]]) {
        let (from, to) = (from.as_flattened().as_chunks::<4>().0, to.as_flattened_mut().as_chunks_mut::<4>().0);
        for (to, from) in to.iter_mut().zip(from) {
            // SAFETY: a vector is four values.
            unsafe { _mm_stream_ps(to.as_mut_ptr(), _mm_loadu_ps(from.as_ptr())) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_any_place_and_length_are_whole() {
        let from: Vec<f32> = (0..200).map(|at| at as f32).collect();
        for start in 0..20 {
            for len in [0, 1, 3, 15, 16, 17, 64, 100, 170] {
                let mut to = vec![-1.0; 200];
                write(&from[7..7 + len], &mut to[start..start + len]);
                settle();
                assert_eq!(to[start..start + len], from[7..7 + len], "{start} {len}");
                let others = to[..start].iter().chain(&to[start + len..]);
                assert!(others.copied().all(|value| value == -1.0), "{start} {len}");
            }
        }
    }

    /// [`write`] takes the wider vectors where there are some.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn narrow_vectors_copy_whole_lines() {
        #[repr(align(64))]
        struct Lines([[f32; 16]; 3]);
        let from: Vec<f32> = (1..50).map(|at| at as f32).collect();
        let mut to = Lines([[0.0; 16]; 3]);
        // SAFETY: the lines are aligned.
        #[allow(unsafe_code)]
        unsafe {
            x86::sse2(from[1..].as_chunks().0, &mut to.0)
        };
        settle();
        assert_eq!(to.0.as_flattened(), &from[1..]);
    }
}
