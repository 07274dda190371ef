import Broker
import Evidence

// From the domain to the wire. The clients are small and strict, so members come in the order in
// which the reference sends them, which JSONEncoder does not promise.

/// JSON with its members in the order in which they are given.
indirect enum JSONText {
    case string(String)
    case number(Int)
    case bytes([UInt8])
    case object([(String, JSONText)])

    var text: String {
        switch self {
        case .string(let string): JSONString.quoted(string)
        case .number(let number): "\(number)"
        case .bytes(let bytes): "[" + bytes.map { "\($0)" }.joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\(JSONString.quoted($0.0)):\($0.1.text)" }.joined(separator: ",") + "}"
        }
    }
}

extension IssuedChallenge {
    /// The body of the reply to `POST /auth`: SEV's parameters in the form in which its own were sent.
    func json(in form: Embedded<RequestMessage.Parameters>.Form) -> JSONText {
        guard let channel else { return .object([("nonce", .string(nonce)), ("extra-params", .string(""))]) }
        let parameters = JSONText.object([("id", .string(session)), ("start", channel.json)])
        return .object([
            ("nonce", .string(nonce)),
            ("extra-params", form == .string ? .string(parameters.text) : parameters),
        ])
    }
}

extension SEVChannelOffer {
    fileprivate var json: JSONText {
        .object([
            (
                "policy",
                .object([
                    ("flags", .object([("bits", .number(Int(policy.flags.rawValue)))])),
                    (
                        "minfw",
                        .object([
                            ("major", .number(Int(policy.minimumFirmware.major))),
                            ("minor", .number(Int(policy.minimumFirmware.minor))),
                        ])
                    ),
                ])
            ),
            ("cert", .bytes(certificate.bytes)),
            (
                "session",
                .object([
                    ("nonce", .bytes(session.nonce)), ("wrap_tk", .bytes(session.wrappedKeys)),
                    ("wrap_iv", .bytes(session.initializationVector)), ("wrap_mac", .bytes(session.wrapMAC)),
                    ("policy_mac", .bytes(session.policyMAC)),
                ])
            ),
        ])
    }
}

extension WrappedSecret {
    /// The body of the reply to `GET /key/<id>`.
    var json: JSONText {
        switch self {
        case .rsa(let ciphertext):
            .string(Hex.encode(ciphertext))
        case .sev(let packet):
            .object([
                (
                    "header",
                    .object([
                        ("flags", .object([("bits", .number(Int(packet.flags)))])),
                        ("iv", .bytes(packet.initializationVector)), ("mac", .bytes(packet.mac)),
                    ])
                ),
                ("ciphertext", .bytes(packet.ciphertext)),
            ])
        }
    }
}
