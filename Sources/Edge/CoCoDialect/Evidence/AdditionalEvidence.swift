import Broker
import Bytes
import Formats

/// Evidence of devices beside the processor. None is verified here, so none is let through: a guest that says that it has
/// a device must not be believed without it.
enum AdditionalEvidence {
    /// Of an object without devices, which may have white space in it.
    private static let longest = 64

    /// - Parameter text: a JSON object with a member for each device, or nothing.
    /// - Throws: a ``Refusal`` that names the devices.
    static func check(_ text: String) throws(Refusal) {
        guard !text.isEmpty else { return }
        guard let devices = (try? JSON(Array(text.utf8)))?.asMembers else {
            throw Refusal(.malformed, "tee-evidence.additional_evidence is neither empty nor a JSON object in a text.")
        }
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
        guard text.utf8.count <= longest else {
            throw Refusal(
                .malformed, "tee-evidence.additional_evidence has no devices, and more than \(longest) bytes.")
        }
    }
}
