import Administration
import Arguments
import Broker
import Files
import LaunchDigest

struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure", abstract: "Compute launch digests from a guest's firmware, kernel and settings.",
        discussion: """
            Nothing is started, and only --reference uses a server. docs/measure.md lists the inputs of a digest, and \
            the causes of a mismatch.
            """,
        subcommands: [SNP.self, SEVES.self, SEV.self, Diff.self])

    struct SNP: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "snp", abstract: "Launch digests of SEV-SNP guests: their reports' measurement.",
            discussion: "One for each combination of the listed values.")

        @OptionGroup var snp: MeasuredSNP
        @OptionGroup var output: MeasureOutput
        @Option(
            help: ArgumentHelp(
                "Store the digests as the set of reference values with this name, replacing its values.",
                valueName: "name"))
        var reference: String?
        @OptionGroup var target: Target

        func run() async throws {
            let name = try reference.map { try PolicyName($0) }
            let documents = try snp.documents(explained: output.explain)
            if let name {
                let set = try ReferenceValueSet(name: name, measured: documents)
                let done = try await target.open(create: true) { try await $0.setReferenceValues(set, keeping: nil) }
                tell(ReferenceText(set: done).summary("Set"))
            }
            try output.print(documents)
        }
    }

    struct SEVES: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sev-es", abstract: "Launch digests of SEV-ES guests.",
            discussion: "One for each combination of the listed values.")

        @OptionGroup var guest: MeasuredGuest
        @OptionGroup var vcpus: MeasuredVCPUs
        @OptionGroup var output: MeasureOutput

        func run() async throws {
            let all = try vcpus.settings(guest)
            let calculator = try guest.calculator(.sevES)
            try output.print(guest.documents(try all.map { try calculator.digest($0) }, explained: output.explain))
        }
    }

    struct SEV: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sev", abstract: "The launch digest of an SEV guest.",
            discussion: "It depends on the number of vCPUs only with libkrun, which writes it into the guest's memory.")

        @OptionGroup var guest: MeasuredGuest
        @Option(help: ArgumentHelp("libkrun: numbers of vCPUs, e.g. 1,2,4.", valueName: "list"))
        var vcpus: CommaSeparated<Int>?
        @OptionGroup var output: MeasureOutput

        func run() async throws {
            if guest.vmm == .krun, vcpus == nil { throw ValidationError("libkrun measures it: give --vcpus") }
            if guest.vmm != .krun, vcpus != nil {
                throw ValidationError("an SEV guest's digest does not depend on vCPUs: leave out --vcpus")
            }
            let calculator = try guest.calculator(.sev)
            let counts = vcpus?.values ?? [1]
            let digests = try counts.map { try calculator.digest(GuestSettings(vcpus: $0, memoryMiB: guest.memory)) }
            try output.print(guest.documents(digests, explained: output.explain))
        }
    }

    struct Diff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "diff", abstract: "Show where two launch digests diverge, and the differing inputs.",
            discussion: """
                The files are the output of --explain --json. Exits with 0 if the digests are the same, 1 if they \
                differ, and 2 if a file cannot be used.
                """)

        @Argument(help: "A file.") var a: String
        @Argument(help: "Another file, or the same one with other digests.") var b: String
        @Option(help: ArgumentHelp("The digest in the first file, by its first digits.", valueName: "digits"))
        var digestA: String?
        @Option(help: ArgumentHelp("The digest in the second file.", valueName: "digits")) var digestB: String?

        func run() async throws {
            let (first, second): (LaunchDigestDocument, LaunchDigestDocument)
            do {
                first = try document(a, digestA, "--digest-a")
                second = try document(b, digestB, "--digest-b")
            } catch {
                tell("Error: \(error)")
                throw ExitCode(2)
            }
            let comparison = LaunchDigestComparison(first, second)
            print(ComparisonText(a: first, b: second, comparison: comparison).text)
            guard comparison.isSame else { throw ExitCode(1) }
        }

        private func document(_ file: String, _ digits: String?, _ option: String) throws -> LaunchDigestDocument {
            let all: [LaunchDigestDocument]
            let json = Array(try InputFile.text(file).utf8)
            do { all = try LaunchDigestDocument.read(json) } catch {
                throw CommandFailure("\(file) is not what `kbs measure … --json` writes: \(error)")
            }
            let found = all.filter { $0.digest.hasPrefix(digits?.lowercased() ?? "") }
            guard let document = found.first else {
                throw CommandFailure("\(file) has no digest" + (digits.map { " that begins with \($0)" } ?? ""))
            }
            guard found.count == 1 else {
                throw CommandFailure(
                    """
                    \(file) has \(found.count) digests: say which with \(option) and its first digits
                    \(found.map { "  \($0.digest)  \($0.summary)" }.joined(separator: "\n"))
                    """)
            }
            return document
        }
    }
}
