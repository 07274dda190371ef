public import Bytes
import Crypto
public import Formats

/// The policy by which a Kata agent lets its host start containers: `policy.rego` in the guest's init data.
///
/// `genpolicy` writes rules in Rego that are the same for every pod, followed by `policy_data := ` and one JSON object
/// with the containers that the pod may run. The data restrict the agent only as far as the rules use them: other rules
/// can allow a pod more than its data say.
public struct AgentPolicy: Sendable {
    /// The init data's entry.
    public static let name: ExactText = "policy.rego"
    /// `policy_data`: a JSON object.
    public let claims: JSON
    /// SHA-256 of the policy without that object.
    let rulesDigest: [UInt8]

    /// - Returns: `nil` without a policy, or when the policy has no `policy_data`.
    public init?(initData: [ExactText: ExactText]) {
        guard let policy = initData[Self.name] else { return nil }
        let text = Array(policy.text.utf8)
        guard let object = Self.policyData(in: text), let claims = try? JSON(Array(text[object])) else { return nil }
        self.claims = claims
        var hash = SHA256()
        hash.update(data: text[..<object.lowerBound])
        hash.update(data: text[object.upperBound...])
        rulesDigest = Array(hash.finalize())
    }

    /// The range of the object assigned to `policy_data`; `nil` for none or several, which would be ambiguous.
    private static func policyData(in text: [UInt8]) -> Range<Int>? {
        let mark = Array("policy_data := ".utf8)
        var found: Int?
        var index = 0
        while index + mark.count < text.count {
            // Only at the beginning of a line: not in a comment, nor at the end of another name.
            if index == 0 || text[index - 1] == UInt8(ascii: "\n"), text[index...].starts(with: mark) {
                guard found == nil else { return nil }
                found = index + mark.count
            }
            index += 1
        }
        guard let start = found, text[start] == UInt8(ascii: "{"), let end = objectEnd(text, start) else { return nil }
        return start..<end
    }

    private static func objectEnd(_ text: [UInt8], _ start: Int) -> Int? {
        var (depth, isText, isEscaped) = (0, false, false)
        for index in start..<text.count {
            let byte = text[index]
            if isText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else {
                    isText = byte != UInt8(ascii: "\"")
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isText = true
            case UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "}"):
                depth -= 1
                if depth == 0 { return index + 1 }
            default: break
            }
        }
        return nil
    }

    private var containers: [JSON] { claims["containers"]?.asArray ?? [] }

    /// The container images, as written there.
    public var containerImages: [ExactText] { containers.compactMap { Self.image(of: $0) } }

    /// The users that containers run as.
    public var containerUIDs: [UInt32] {
        containers.compactMap { try? $0["OCI"]?["Process"]?["User"]?["UID"]?.integer(UInt32.self) }
    }

    private static func image(of container: JSON) -> ExactText? {
        annotation("io.kubernetes.cri.image-name", of: container)
    }

    private static func annotation(_ name: String, of container: JSON) -> ExactText? {
        container["OCI"]?["Annotations"]?[name]?.asText.map { ExactText($0) }
    }

    /// The number of containers without an image name. The pod's sandbox container, which only holds its namespaces, is
    /// left out.
    var containersWithoutImage: Int {
        containers.count {
            Self.image(of: $0) == nil && Self.annotation("io.kubernetes.cri.container-type", of: $0) != "sandbox"
        }
    }

    /// The scalar at a JSON pointer: a text as it is, another value in its JSON form.
    ///
    /// - Parameter pointer: e.g. `/containers/1/OCI/Process/Args/0`. Source: RFC 6901.
    func value(at pointer: ExactText) -> ExactText? {
        guard let segments = Self.segments(of: pointer) else { return nil }
        var value: JSON? = claims
        for segment in segments {
            switch value?.kind {
            case .object: value = value?[segment]
            case .array:
                guard let index = Int(segment), ExactText("\(index)") == ExactText(segment), let array = value?.asArray,
                    array.indices.contains(index)
                else { return nil }
                value = array[index]
            default: return nil
            }
        }
        switch value?.kind {
        case .text: return value?.asText.map { ExactText($0) }
        case .number, .bool, .null: return value.map { ExactText(String(decoding: $0.raw, as: UTF8.self)) }
        case .array, .object, nil: return nil
        }
    }

    /// Whether the text is a JSON pointer below the root.
    static func isPointer(_ text: ExactText) -> Bool { if case .some = segments(of: text) { true } else { false } }

    private static func segments(of pointer: ExactText) -> [String]? {
        let parts = pointer.text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 1, parts.first?.isEmpty == true else { return nil }
        return parts.dropFirst().map { segment in
            var (text, isEscaped): ([UInt8], Bool) = ([], false)
            for byte in segment.utf8 {
                switch (isEscaped, byte) {
                case (true, UInt8(ascii: "0")): text.append(UInt8(ascii: "~"))
                case (true, UInt8(ascii: "1")): text.append(UInt8(ascii: "/"))
                case (false, UInt8(ascii: "~")): break
                default: text.append(byte)
                }
                isEscaped = !isEscaped && byte == UInt8(ascii: "~")
            }
            return String(decoding: text, as: UTF8.self)
        }
    }
}
