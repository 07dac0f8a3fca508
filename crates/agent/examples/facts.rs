//! Prints what this machine is and how long it took to find out, many times over.
//!
//! Arguments, all optional: how many times, another root than `/`, another address of the instance metadata.
#![allow(clippy::print_stdout, reason = "a measurement is to be seen")]

use std::{
    env,
    time::{Duration, Instant},
};

use engine_agent::facts::{Sources, root::Root};

fn main() {
    let mut arguments = env::args().skip(1);
    let times: usize = arguments.next().map_or(100, |times| times.parse().expect("a number of times"));
    let mut sources = Sources::default();
    if let Some(directory) = arguments.next() {
        sources.root = Root::at(directory);
    }
    if let Some(address) = arguments.next() {
        sources.cloud.address = address.parse().expect("an address with a port");
    }
    println!("{:#?}", sources.collect());
    let mut spent: Vec<Duration> = (0..times)
        .map(|_| {
            let began = Instant::now();
            sources.collect();
            began.elapsed()
        })
        .collect();
    spent.sort();
    if let (Some(median), Some(longest)) = (spent.get(times / 2), spent.last()) {
        println!("facts: {median:?} in the median of {times}, {longest:?} at the longest");
    }
}
