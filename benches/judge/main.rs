//! How judging one target, and writing what was found, grow with its addresses.
//!
//! A saved report may hold 4096 of them (`vantage::recorded`), spread over hosts and
//! families in many ways; each shape has its own pairs that a rule could hold against
//! each other. Time is to grow with the addresses, not with their pairs.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run fails")]

mod evidence;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use evidence::{SHAPES, evidence};
use mxray::judge::{self, Context};
use mxray::tls::Roots;

const ADDRESSES: [u16; 3] = [100, 1000, 4000];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    for (name, shape) in SHAPES {
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        for addresses in ADDRESSES {
            let (evidence, root) = evidence(shape, addresses);
            let roots = Roots::webpki().with_pem(root.as_bytes()).unwrap();
            let context = Context { roots: &roots, verify_name: None };
            group.throughput(Throughput::Elements(addresses.into()));
            group.bench_function(BenchmarkId::from_parameter(addresses), |bencher| {
                bencher.iter(|| judge::judge(&evidence, &[], context));
            });
        }
        group.finish();
    }
}
