//! An image as such, for a volume with `format: oci`: a layout that holds it, and not its files.

use std::collections::HashMap;

use oci_spec::image::{Descriptor, ImageConfiguration, ImageIndex, ImageManifest, MediaType, Os};

use super::{BadImage, MAX_DOCUMENT, MAX_LAYER, MAX_LAYERS, Place, Store, is_index, of_platform};
use crate::digest::Digest;
use crate::layout::{Layout, REF_NAME};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::spec::expanded;

/// Bytes of all blobs together: they lie in the memory of a machine.
const MAX_BLOBS: u64 = 2 << 30;

impl Store {
    /// A layout with the image that a reference names, for these platforms; and what the reference stands for. Its index lists the
    /// manifest where that is one platform, and else the image's own index, which may name more platforms than are there.
    ///
    /// # Errors
    /// It is not there, not what it says it is, or not for one of the platforms.
    pub fn whole(&self, reference: &Reference, platforms: &[Platform]) -> Result<(Reference, Layout), BadImage> {
        let (place, root) = self.find(reference)?;
        let place = &self.places[place];
        let document = place.blob(&root, MAX_DOCUMENT)?;
        let mut taken = Taken { place, layout: Layout::default(), bytes: 0 };
        let mut listed = if is_index(place, &root, &document)? {
            let index: ImageIndex = place.parsed(&root, &document)?;
            let manifest = |wanted: &Platform| taken.manifest(&of_platform(&index, *wanted)?, &[*wanted]);
            let manifests = platforms.iter().map(manifest).collect::<Result<Vec<_>, _>>()?;
            match <[Descriptor; 1]>::try_from(manifests) {
                Ok([manifest]) => manifest,
                Err(_) => taken.layout.put(MediaType::ImageIndex, document),
            }
        } else {
            taken.manifest(&root, platforms)?
        };
        let name = expanded(reference);
        let plain = name.without_digest().to_string();
        listed.set_annotations(Some(HashMap::from([(REF_NAME.to_owned(), plain)])));
        taken.layout.list(listed);
        Ok((Reference { digest: Some(Digest::parse(root.digest().as_ref())?), ..name }, taken.layout))
    }
}

/// Blobs on their way from one layout into another.
struct Taken<'a> {
    place: &'a Place,
    layout: Layout,
    bytes: u64,
}

impl Taken<'_> {
    /// Takes a manifest, which has to be for each of the platforms, and all that it names.
    fn manifest(&mut self, descriptor: &Descriptor, platforms: &[Platform]) -> Result<Descriptor, BadImage> {
        let document = self.place.blob(descriptor, MAX_DOCUMENT)?;
        let manifest: ImageManifest = self.place.parsed(descriptor, &document)?;
        let configuration: ImageConfiguration = self.place.json(manifest.config())?;
        let (os, architecture) = (configuration.os(), configuration.architecture());
        if let Some(wanted) = platforms.iter().find(|wanted| (os, architecture) != (&Os::Linux, &wanted.oci())) {
            return Err(BadImage::Platform { wanted: *wanted, found: format!("{os}/{architecture}") });
        }
        if manifest.layers().len() > MAX_LAYERS {
            return Err(BadImage::Layers(manifest.layers().len()));
        }
        self.put(manifest.config(), self.place.blob(manifest.config(), MAX_DOCUMENT)?)?;
        for layer in manifest.layers() {
            self.put(layer, self.place.blob(layer, MAX_LAYER)?)?;
        }
        // The descriptor may call it something else: see `is_index`.
        let kind = manifest.media_type().clone().unwrap_or(MediaType::ImageManifest);
        self.put(&Descriptor::new(kind, descriptor.size(), descriptor.digest().clone()), document)
    }

    fn put(&mut self, descriptor: &Descriptor, blob: Vec<u8>) -> Result<Descriptor, BadImage> {
        self.bytes = self.bytes.saturating_add(blob.len() as u64);
        if self.bytes > MAX_BLOBS {
            let why = format!("with it, there are more than {MAX_BLOBS} bytes for a volume");
            return Err(self.place.no_document(descriptor, why));
        }
        Ok(self.layout.put(descriptor.media_type().clone(), blob))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Sample;
    use super::*;

    #[test]
    fn a_layout_of_an_image_has_what_was_asked_for_and_nothing_else() {
        let sample = Sample::new("whole", "orlop.example/a:1", "{}");
        let images = sample.store();
        for (what, platforms, blobs) in [("one platform", &Platform::ALL[..1], 3), ("two", &Platform::ALL, 7)] {
            let (reference, layout) = images.whole(&sample.reference.without_digest(), platforms).unwrap();
            assert_eq!(reference, sample.reference, "{what}: the digest is told");
            assert_eq!(layout.files().len(), blobs + 2, "{what}: blobs, the mark of a layout, the index");
            let folder = sample.path.join(format!("copy-{blobs}"));
            layout.write_folder(&folder).unwrap();
            // Every blob is compared with its name, and nothing that one names is missing.
            let read = Layout::read(&folder).unwrap();
            let [listed] = read.manifests() else { panic!("{what}: {:?}", read.manifests()) };
            let is_index = listed.digest().as_ref() == sample.reference.digest.as_ref().unwrap().as_str();
            assert_eq!(is_index, platforms.len() > 1, "{what}");
            let mut store = Store::default();
            store.add(&folder).unwrap();
            for platform in Platform::ALL {
                let resolved = store.resolve(&sample.reference.without_digest(), platform);
                assert_eq!(resolved.is_ok(), platforms.contains(&platform), "{what}: {platform:?}");
            }
        }
    }

    #[test]
    fn an_image_for_another_platform_is_refused() {
        let sample = Sample::new("whole-other", "orlop.example/a:1", "{}");
        let (_, one) = sample.store().whole(&sample.reference, &Platform::ALL[..1]).unwrap();
        let folder = sample.path.join("one");
        one.write_folder(&folder).unwrap();
        let mut store = Store::default();
        store.add(&folder).unwrap();
        for platforms in [&Platform::ALL[1..], &Platform::ALL] {
            let refused = store.whole(&sample.reference.without_digest(), platforms).map(drop);
            assert!(matches!(refused, Err(BadImage::Platform { wanted: Platform::Arm64, .. })), "{refused:?}");
        }
    }
}
