public import Bytes
public import Formats

/// The origin of a reference value: the files and settings it was computed from, or the guest that showed it. For
/// people: no decision uses it, and it is only as reliable as the operator who set the value.
public struct Provenance: Sendable, Hashable, Codable {
    public enum Origin: String, Sendable, Hashable, Codable, CaseIterable {
        /// From files and settings (`kbs measure`).
        case computed
        /// From the evidence of a guest (`kbs reference add --from-attempt`).
        case seen
    }

    /// An input file of a computed value.
    public struct File: Sendable, Hashable, Codable {
        /// `firmware`, `kernel`, `initrd`.
        public let role: String
        /// The file's name without folders; `nil` when unknown.
        public let name: String?
        /// In hex.
        public let sha256: String
        /// In bytes.
        public let size: Int

        public init(role: String, name: String?, sha256: String, size: Int) {
            (self.role, self.name, self.sha256, self.size) = (role, name, sha256, size)
        }
    }

    public let origin: Origin
    /// The program that computed it, with its version.
    public let tool: String?
    public let files: [File]
    /// The kernel's command line, exact to the last space.
    public let commandLine: String?
    /// Further inputs by name: `vcpus`, `cpu`, `guest-features`; for a seen value, the attempt.
    public let parameters: [String: String]

    enum CodingKeys: String, CodingKey {
        case origin, tool, files, parameters
        case commandLine = "command_line"
    }

    public init(
        _ origin: Origin, tool: String? = nil, files: [File] = [], commandLine: String? = nil,
        parameters: [String: String] = [:]
    ) {
        (self.origin, self.tool, self.files) = (origin, tool, files)
        (self.commandLine, self.parameters) = (commandLine, parameters)
    }
}

extension Provenance {
    /// The longest provenance in JSON, in bytes. A kernel's command line has at most 2,048.
    static let longest = 8_192

    /// - Throws: ``MalformedInput`` that names the member.
    public init(_ json: JSON) throws(MalformedInput) {
        guard json.raw.count <= Self.longest else { throw json.unfit("a provenance of at most \(Self.longest) bytes") }
        let member = try json.member("origin")
        guard let origin = Origin(exactly: try member.text()) else { throw member.unfit("computed or seen") }
        var files: [File] = []
        for file in try json.optional("files")?.array() ?? [] { files.append(try File(file)) }
        var parameters: [String: String] = [:]
        for (name, value) in try json.optional("parameters")?.members() ?? [] {
            guard (1...64).contains(name.text.utf8.count), name.text.utf8.allSatisfy({ (0x21..<0x7F).contains($0) })
            else { throw value.unfit("named in 1 to 64 letters of ASCII without blanks") }
            parameters[name.text] = try value.text()
        }
        self.init(
            origin, tool: try json.optional("tool")?.text(), files: files,
            commandLine: try json.optional("command_line")?.text(), parameters: parameters)
        // The stored form is the one written here, which may be longer than the received one.
        guard self.json.encoded.count <= Self.longest else {
            throw json.unfit("a provenance of at most \(Self.longest) bytes")
        }
    }

    public var json: JSONValue {
        var json: JSONValue = ["origin": .text(origin.rawValue)]
        json["tool"] = tool.map { .text($0) }
        if !files.isEmpty { json["files"] = .array(files.map(\.json)) }
        json["command_line"] = commandLine.map { .text($0) }
        if !parameters.isEmpty {
            json["parameters"] = JSONValue(
                parameters.reduce(into: [:]) { $0[ExactText($1.key)] = .text($1.value) })
        }
        return json
    }
}

extension Provenance.File {
    fileprivate init(_ json: JSON) throws(MalformedInput) {
        let digest = try json.member("sha256")
        guard let sha256 = Hex.decode(try digest.text()), sha256.count == 32 else {
            throw digest.unfit("64 hex digits")
        }
        self.init(
            role: try json.member("role").text(), name: try json.optional("name")?.text(), sha256: Hex.encode(sha256),
            size: try json.member("size").integer(in: 0...Int.max))
    }

    fileprivate var json: JSONValue {
        var json: JSONValue = ["role": .text(role), "sha256": .text(sha256), "size": .integer(size)]
        json["name"] = name.map { .text($0) }
        return json
    }
}
