import Broker
import Bytes
import Evidence
import Formats

// From domain types to the wire. The clients are small and strict, so members have the order of the reference KBS.

extension IssuedChallenge {
    /// The reply to `POST /auth`: SEV's parameters have the form of the request's `extra-params`.
    func json(in form: Embedded.Form) -> JSONValue {
        let nonce = Hex.encode(nonce.prefix(GuestKey.nonceSize))
        guard let channel else { return ["nonce": .text(nonce), "extra-params": ""] }
        let parameters: JSONValue = ["id": .text(session), "start": channel.json]
        return ["nonce": .text(nonce), "extra-params": form == .string ? .text(parameters.encodedText) : parameters]
    }
}

extension SEVChannelOffer {
    fileprivate var json: JSONValue {
        [
            "policy": [
                "flags": ["bits": .integer(Int(policy.flags.rawValue))],
                "minfw": [
                    "major": .integer(Int(policy.minimumFirmware.major)),
                    "minor": .integer(Int(policy.minimumFirmware.minor)),
                ],
            ],
            "cert": .bytes(certificate.bytes),
            "session": [
                "nonce": .bytes(session.nonce), "wrap_tk": .bytes(session.wrappedKeys),
                "wrap_iv": .bytes(session.initializationVector), "wrap_mac": .bytes(session.wrapMAC),
                "policy_mac": .bytes(session.policyMAC),
            ],
        ]
    }
}

extension WrappedSecret<[UInt8]> {
    /// The reply to `GET /key/<id>`.
    var json: JSONValue {
        switch self {
        case .guest(let ciphertext): .text(Hex.encode(ciphertext))
        case .platform(let packet):
            [
                "header": [
                    "flags": ["bits": .integer(Int(packet.flags))], "iv": .bytes(packet.initializationVector),
                    "mac": .bytes(packet.mac),
                ],
                "ciphertext": .bytes(packet.ciphertext),
            ]
        }
    }
}
