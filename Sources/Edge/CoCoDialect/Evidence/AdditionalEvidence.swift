import Broker
import Bytes
import Formats

/// Evidence of devices beside the processor. None is verified here, so none is let through: a guest that says that it has
/// a device must not be believed without it. Where samples are taken, so are sample devices, behind which there is none.
struct AdditionalEvidence {
    /// Of an object without devices, which may have white space in it.
    private static let longest = 64
    /// Of one with a sample device. It goes into the token twice.
    private static let longestSample = 512

    /// `nil` where there is none.
    let sample: SampleEvidenceMessage?

    /// - Parameters:
    ///   - text: a JSON object with a member for each device, or nothing.
    ///   - allowsSample: whether the operator takes samples.
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
        // It goes into the token as it was sent.
        guard text.utf8.count <= Self.longest else {
            throw Refusal(
                .malformed, "tee-evidence.additional_evidence has no devices, and more than \(Self.longest) bytes.")
        }
    }
}
