//! SHA-256 of files, for those who ask for nothing else.

use super::tree::PIECE;
use crate::diag::Problem;
use crate::exec;
use crate::exec::Progress;
use crate::exec::Stop;
use crate::exec::in_order;
use crate::store;
use crate::store::Inputs;
use crate::tensor::FileInfo;
use crate::tile::Fetch;
use sha2::Digest;
use sha2::Sha256;
use std::path::PathBuf;
use std::sync::Mutex;

/// The digests of files, in their order, in hexadecimal digits.  A file is read by one worker, from front to back.  Errors:
/// those of opening and reading.
pub fn sha256(paths: &[PathBuf], threads: usize, progress: &Progress) -> Result<Vec<String>, Stop> {
    let files: Vec<FileInfo> = paths.iter().map(|path| store::file_info(path)).collect::<Result<_, Problem>>()?;
    let inputs = Inputs::open(&files)?;
    let out: Mutex<Vec<String>> = Mutex::new(vec![String::new(); files.len()]);
    exec::pool(threads)?.install(|| {
        in_order(files.len(), progress, |at| {
            let mut hasher = Sha256::new();
            let mut buffer = vec![];
            for start in (0..files[at].size).step_by(PIECE as usize).take_while(|_| !progress.cancelled()) {
                buffer.resize((files[at].size - start).min(PIECE) as usize, 0);
                inputs.fetch(at, start, &mut buffer)?;
                hasher.update(&buffer);
                progress.add(buffer.len() as u64);
            }
            let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            out.lock().expect("no worker panicked")[at] = hex;
            Ok(())
        })
    })?;
    inputs.verify()?;
    Ok(out.into_inner().expect("no worker panicked"))
}
