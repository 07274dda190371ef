import Arguments
import Broker
import Bytes
import FoundationEssentials
import Installation
import LaunchDigest
import Release

/// The source of a set's values, and their validity.
struct ReferenceInput: ParsableArguments {
    @Argument(help: "A TOML file, or the output of kbs measure snp --json; - is standard input. Not with --measure.")
    var file: String?
    @OptionalGroup var measured: MeasuredInstead?
    @Option(
        help: ArgumentHelp("The start of their validity: a day, a time with its zone, or e.g. 24h.", valueName: "time"))
    var validFrom: Moment?
    @Option(help: ArgumentHelp("The end of their validity, in the same forms.", valueName: "time"))
    var expires: Moment?

    var isEmpty: Bool { file == nil && measured == nil && validFrom == nil && expires == nil }

    func set(_ name: PolicyName) throws -> ReferenceValueSet {
        let set = try values(name)
        guard validFrom != nil || expires != nil else { return set }
        let period = ValidityPeriod(from: validFrom?.date, expires: expires?.date)
        try period.check()
        return try set.with(period)
    }

    private func values(_ name: PolicyName) throws -> ReferenceValueSet {
        switch (file, measured) {
        case (nil, let measured?): return try ReferenceValueSet(name: name, measured: try measured.documents())
        case (let file?, nil):
            let text = try InputFile.text(file)
            let first = text.utf8.first { $0 > UInt8(ascii: " ") }
            // No TOML document of a set begins with these.
            guard first == UInt8(ascii: "[") || first == UInt8(ascii: "{") else {
                return try ReferenceValueSet(toml: text, name: name)
            }
            do {
                return try ReferenceValueSet(name: name, measured: try LaunchDigestDocument.read(Array(text.utf8)))
            } catch let error as MalformedInput {
                throw CommandFailure("\(file) is not what `kbs measure snp --json` writes: \(error)")
            }
        default: throw ValidationError("Give a file, or --measure snp with its options.")
        }
    }
}

/// A time such as 24h.
struct TimeSpan: ExpressibleByArgument {
    let seconds: TimeInterval

    init?(argument: String) {
        guard let seconds = SettingValue.duration(argument), seconds <= 315_360_000 else { return nil }
        self.seconds = seconds
    }
}

/// A day, a time with its zone, or how long from now.
struct Moment: ExpressibleByArgument {
    let date: Date

    init?(argument: String) {
        guard let date = ReferenceValueSet.time(argument) ?? TimeSpan(argument: argument).map({ Date() + $0.seconds })
        else { return nil }
        self.date = date
    }
}

extension ReferenceValueSet {
    /// The digests with their inputs as provenance.
    ///
    /// - Throws: a ``CommandFailure`` for digests of a technology without policies.
    init(name: PolicyName, measured documents: [LaunchDigestDocument]) throws {
        if let other = documents.first(where: { ExactText($0.technology) != ExactText(SEVTechnology.snp.rawValue) }) {
            throw CommandFailure(
                "these are launch digests of \(shown(other.technology)) guests, which no policy names: their workloads are "
                    + "registered with the digest (kbs workload add --measurement)")
        }
        let values = try documents.map { document in
            guard let digest = Hex.decode(document.digest) else {
                throw CommandFailure("\(shown(document.digest)) is not a digest in hex")
            }
            return ReferenceValue(digest, provenance: document.provenance)
        }
        try self.init(name: name, kind: .measurement, values: values, source: "")
    }

    func with(source: String) throws -> ReferenceValueSet {
        try ReferenceValueSet(name: name, kind: kind, values: values, source: source)
    }

    /// All values with this period.
    fileprivate func with(_ period: ValidityPeriod) throws -> ReferenceValueSet {
        try ReferenceValueSet(
            name: name, kind: kind,
            values: values.map { ReferenceValue($0.bytes, period, provenance: $0.provenance) }, source: source)
    }
}

extension LaunchDigestDocument {
    fileprivate var provenance: Provenance {
        let files = [("firmware", inputs.firmware), ("kernel", inputs.kernel), ("initrd", inputs.initrd)]
        var parameters = ["technology": technology]
        for (name, value) in settings { parameters[name] = value }
        return Provenance(
            .computed, tool: "kbs \(Build.version)",
            files: files.compactMap { role, file in
                file.map { .init(role: role, name: $0.name, sha256: $0.sha256, size: $0.size) }
            }, commandLine: inputs.commandLine, parameters: parameters)
    }
}
