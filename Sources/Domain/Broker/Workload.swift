public import Bytes
public import Evidence
public import FoundationEssentials

/// How a guest is attested: by evidence of its own, or over a channel to its SEV platform.
public enum TEE: Sendable, Hashable {
    case evidence(GuestTEE)
    /// SEV and SEV-ES.
    case sev

    public static let snp = TEE.evidence(.snp)
    public static let all: [TEE] = GuestTEE.allCases.map { .evidence($0) } + [.sev]

    public var name: String {
        switch self {
        case .evidence(let tee): tee.rawValue
        case .sev: "sev"
        }
    }
}

/// A workload's name: 1–128 characters of `A–Z a–z 0–9 . _ - : / @ +`, without `..`.
public struct WorkloadID: Sendable, Hashable, CustomStringConvertible {
    public let text: String

    /// - Throws: a ``Refusal`` that says what is wrong with it.
    public init(_ text: String) throws(Refusal) {
        var last: UInt8?
        var allowed = true
        for character in text.utf8 {
            if character == UInt8(ascii: ".") {
                allowed = allowed && last != character
            } else if !character.isLetterOrDigit {
                allowed = allowed && "_-:/@+".utf8.contains(character)
            }
            last = character
        }
        guard allowed, (1...128).contains(text.utf8.count) else {
            throw Refusal(
                .invalidField,
                "workload_id must have 1 to 128 characters of A-Z a-z 0-9 . _ - : / @ + and not hold \"..\".")
        }
        self.text = text
    }

    public var description: String { text }
}

/// What a guest must have been launched as, in the terms of its technology.
public enum Launch: Sendable, Hashable {
    /// A SHA-384 launch digest, 48 bytes, and the widest guest policy that is accepted.
    case snp(measurement: [UInt8], policy: GuestPolicy)
    /// A SHA-256 launch digest, 32 bytes, and the policy that the guest is launched with.
    case sev(digest: [UInt8], policy: SEVLaunchPolicy)
    /// A release policy, as it is when a guest asks. A workload can so have several measurements.
    case policy(PolicyName)

    /// `snp`, `sev` or `policy`.
    public var technology: String {
        switch self {
        case .snp: "snp"
        case .sev: "sev"
        case .policy: "policy"
        }
    }

    /// The measurement or digest; `nil` where a policy holds them.
    public var measurement: [UInt8]? {
        switch self {
        case .snp(let measurement, _): measurement
        case .sev(let digest, _): digest
        case .policy: nil
        }
    }

    public var policyName: PolicyName? { if case .policy(let name) = self { name } else { nil } }

    /// Whether the workload's guests may attest by `tee`. A policy accepts any evidence here and has rules for each
    /// technology.
    func takes(_ tee: TEE) -> Bool {
        switch (self, tee) {
        case (.snp, .evidence(.snp)), (.policy, .evidence), (.sev, .sev): true
        default: false
        }
    }

    /// The longest secret that the workload's guests can receive, in bytes: for RSA-2048 with PKCS #1 v1.5, the most
    /// that one encryption holds; for SEV, the size that its clients reserve.
    public var longestSecret: Int {
        switch self {
        case .snp, .policy: 245
        case .sev: SEVSecretSize.bytes
        }
    }
}

/// SEV's clients expect the passphrase padded with zeros to this size.
enum SEVSecretSize { static let bytes = 512 }

/// A request to register a workload, checked.
public struct Registration: Sendable {
    public let id: WorkloadID
    public let launch: Launch
    /// The TEE configuration as the registrant wrote it; `launch` is its meaning.
    public let configuration: String
    public let secret: Secret

    /// - Throws: a ``Refusal`` when the secret cannot be delivered.
    public init(id: WorkloadID, launch: Launch, configuration: String, secret: Secret) throws(Refusal) {
        guard secret.count > 0 else { throw Refusal(.invalidField, "passphrase must not be empty.") }
        guard secret.count <= launch.longestSecret else {
            throw Refusal(
                .invalidField,
                "passphrase has \(secret.count) bytes and at most \(launch.longestSecret) can be delivered to "
                    + "its guests.")
        }
        guard !secret.withBytes({ $0.contains(0) }) else {
            throw Refusal(.invalidField, "passphrase must not hold a zero byte: guests take it for its end.")
        }
        guard configuration.utf8.count <= Self.longestConfiguration else {
            throw Refusal(.invalidField, "tee_config must not be longer than \(Self.longestConfiguration) bytes.")
        }
        self.id = id
        self.launch = launch
        self.configuration = configuration
        self.secret = secret
    }

    static let longestConfiguration = 65_536
}

/// A registered workload, without its secret.
public struct Workload: Sendable, Hashable {
    /// The id of one registration: registering a workload again gives it a new row.
    public typealias Row = Int64

    public let row: Row
    public let id: WorkloadID
    public let launch: Launch
    public let configuration: String
    public let registered: Date
    /// Whether the workload is disabled: its guests get no secret.
    public let isDisabled: Bool

    public init(
        row: Row, id: WorkloadID, launch: Launch, configuration: String, registered: Date, isDisabled: Bool = false
    ) {
        self.row = row
        self.id = id
        self.launch = launch
        self.configuration = configuration
        self.registered = registered
        self.isDisabled = isDisabled
    }

    /// A workload's revision (ETag): changes with each registration and each disabling or enabling.
    public struct Revision: Sendable, Hashable, CustomStringConvertible {
        public let row: Row
        public let isDisabled: Bool

        public init(row: Row, isDisabled: Bool) {
            self.row = row
            self.isDisabled = isDisabled
        }

        /// Reads ``description``.
        public init?(_ text: some StringProtocol) {
            let digits = text.hasSuffix("d") ? text.dropLast() : text[...]
            guard let row = Row(digits), row > 0, String(row) == digits else { return nil }
            self.init(row: row, isDisabled: text.hasSuffix("d"))
        }

        public var description: String { isDisabled ? "\(row)d" : "\(row)" }
    }

    public typealias Expectation = Precondition<Revision>

    public var revision: Revision { Revision(row: row, isDisabled: isDisabled) }

    /// What its secret is sealed for.
    public var subject: SealedSubject { .secret(id, launch) }
}
