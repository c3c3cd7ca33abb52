//! The fuzz targets of disks and documents: their committed seeds are replayed, and those of documents are made here.

use orlop_harness::seeds::{self, Seed, Target};

use crate::targets;

/// The targets, and what each does with a seed.
pub(crate) const TARGETS: [Target; 5] = [
    ("metadata_iso", targets::disk),
    ("metadata_fat", targets::disk),
    ("metadata_udf", targets::disk),
    ("metadata_yaml", targets::yaml),
    ("metadata_xml", targets::xml),
];

#[test]
fn every_committed_seed_is_replayed() {
    seeds::replay(&TARGETS);
}

#[test]
fn every_seed_that_is_made_here_is_committed() {
    let made = |target, documents: &[(&str, &str)]| {
        let seeds = documents.iter().map(|(label, document)| Seed::new(target, label, document.as_bytes().to_vec()));
        seeds.collect::<Vec<_>>()
    };
    seeds::committed(&[made("metadata_yaml", YAML), made("metadata_xml", XML)].concat());
}

const YAML: &[(&str, &str)] = &[
    ("meta-data", "---\n# who it is\ninstance-id: i-1 # mine\nlocal-hostname: 'web-1'\n\nnone: ~\nempty:\n"),
    ("keys in lists and maps", "public-keys:\n- ssh-rsa A\n- \"ssh-rsa B\"\nmore:\n  0:\n    openssh-key: ssh-rsa C\n"),
    (
        "network-config",
        "version: 1\nconfig:\n  - type: physical\n    subnets:\n      - type: dhcp\n  -\n    type: x\n  - - 1\n    - 2\n",
    ),
    ("literal blocks", "a: |\n  one\n    two\n\nb: |-\n  x\n\nc: |+\n  y\n\nd: |2\n    z\ne: |\nf: 1\n"),
    ("quotes", "\"a b\": \"x\\n\\t\\\"\\\\\\u00e9\\x41\"\n'it''s': 'no \\n escape' # said\n"),
    ("JSON", "{\n\"instance-id\": \"iid-local01\", \"n\": [1, true, null, {}]\n}\n"),
    ("JSON in a line", "keys: [\"a\", \"b\"]\nnone: []\nmap: {\"a\": 1}\n...\n"),
    ("anchors and tags", "a: &x !!str b\nc: *x\nd: >\n  e\n? f\n"),
];

const XML: &[(&str, &str)] = &[
    (
        "ovf-env",
        "<?xml version=\"1.0\"?>\n<E xmlns=\"o\" xmlns:wa=\"w\"><wa:S><wa:H>web-1</wa:H><wa:C>aGVs\n bG8=</wa:C></wa:S></E>",
    ),
    (
        "namespaces",
        "<a:r xmlns:a=\"u\" xmlns='v'><x xmlns=\"\"/><a:x xmlns:a=\"w\" b='&#10;' a:b='1'>1</a:x><b/></a:r>",
    ),
    ("entities", "<r>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;&amp;lt;</r>"),
    ("CDATA and comments", "<!-- a --><r>a<!-- <x> & -->b<![CDATA[<x>&amp;]]>c</r><!-- b -->"),
    ("document type", "<!DOCTYPE r [<!ENTITY a \"b\">]><r>&a;</r>"),
];
