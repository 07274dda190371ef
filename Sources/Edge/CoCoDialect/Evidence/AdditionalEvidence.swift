import Broker
import Bytes
import Formats

/// Evidence of devices beside the processor (`additional_evidence`).
///
/// No device's evidence is verified, so a guest that states a device is refused rather than believed. Where samples are
/// accepted, so is one sample device, which has no hardware.
struct AdditionalEvidence {
    /// Longest text without devices, in bytes; it may have white space.
    private static let longest = 64
    /// Longest text with a sample device, in bytes. The token contains it twice.
    private static let longestSample = 512

    /// The sample device; `nil` without one.
    let sample: SampleEvidenceMessage?

    /// - Parameters:
    ///   - text: a JSON object with a member for each device, or empty.
    ///   - allowsSample: whether the operator accepts samples.
    /// - Throws: a ``Refusal`` that names the devices.
    init(_ text: String, allowsSample: Bool) throws(Refusal) {
        guard !text.isEmpty else {
            sample = nil
            return
        }
        guard let devices = (try? JSON(Array(text.utf8)))?.asMembers else {
            throw Refusal(.malformed, "tee-evidence.additional_evidence is neither empty nor a JSON object in a text.")
        }
        if allowsSample, devices.count == 1, let device = devices.first, device.name == "sampledevice" {
            guard text.utf8.count <= Self.longestSample else {
                throw Refusal(
                    .malformed,
                    "tee-evidence.additional_evidence has a sample device of more than \(Self.longestSample) bytes.")
            }
            sample = try read(device.value, SampleEvidenceMessage.init)
            return
        }
        sample = nil
        guard devices.isEmpty else {
            let names = devices.map(\.name).sorted().prefix(4).map {
                String($0.text.filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }.prefix(20))
            }
            throw Refusal(
                .technologyMismatch,
                "Evidence of these devices is not verified here: \(names.joined(separator: ", ")). "
                    + "Have the guest attest without them.")
        }
        // The token contains the text unchanged.
        guard text.utf8.count <= Self.longest else {
            throw Refusal(
                .malformed, "tee-evidence.additional_evidence has no devices, and more than \(Self.longest) bytes.")
        }
    }
}
