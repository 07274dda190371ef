import Arguments
import Bytes
import Formats
import LaunchDigest

/// The printed form of digests.
struct MeasureOutput: ParsableArguments {
    @Flag(help: "Print JSON.") var json = false
    @Flag(help: "Show each region of memory and the digest after it.") var explain = false

    func print(_ documents: [LaunchDigestDocument]) throws {
        if json { return try printJSON(documents) }
        if !explain { return printTable(Self.table(documents)) }
        for (index, document) in documents.enumerated() {
            if index > 0 { Commands.print("") }
            Commands.print("\(document.digest)  \(document.summary)")
            printTable(document.explanation)
        }
    }

    /// A table with a column for each setting of these guests.
    private static func table(_ documents: [LaunchDigestDocument]) -> [[String]] {
        let settings = documents.map(\.settings)
        let names = settings.first?.map(\.name) ?? []
        return [["digest"] + names] + zip(documents, settings).map { [$0.digest] + $1.map(\.value) }
    }
}

extension LaunchDigestDocument {
    /// The digest's inputs beside the files; the same names for all digests of a run.
    var settings: [(name: String, value: String)] {
        [
            ("vcpus", vcpus.map(String.init)), ("cpu", cpu ?? cpuSignature), ("guest-features", guestFeatures),
            ("vmsa", vmsa), ("vmsa-address", vmsaAddress), ("memory", memoryMiB.map { "\($0)" }), ("vmm", vmm),
        ].compactMap { name, value in value.map { (name, shown($0)) } }
    }

    /// The technology and ``settings`` in one line.
    var summary: String {
        let words = settings.map { "\($0.name) \($0.value)" }
        return ([shown(technology)] + words).joined(separator: ", ")
    }

    fileprivate var explanation: [[String]] {
        var rows = [["region", "type", "address", "bytes", "contents", "digest after"]]
        for region in regions ?? [] {
            rows.append([
                region.name, region.pageType ?? "-", region.address ?? "-", "\(region.size)",
                region.contents.map { "\($0.prefix(16))…" } ?? "-", "\(region.digestAfter.prefix(16))…",
            ])
        }
        return rows
    }
}

/// Printable text unchanged, other text quoted and escaped.
func shown(_ text: String) -> String {
    text.utf8.allSatisfy { (0x20..<0x7F).contains($0) } ? text : JSONString.quoted(text)
}

/// The printed comparison of two digests.
struct ComparisonText {
    let a, b: LaunchDigestDocument
    let comparison: LaunchDigestComparison

    var text: String {
        let heads = ["a  \(a.digest)  \(a.summary)", "b  \(b.digest)  \(b.summary)"]
        guard !comparison.isSame else {
            let rest = comparison.differences
            return
                (heads + ["The digests are the same."]
                + (rest.isEmpty ? [] : ["Given differently, without effect:"] + lines(rest))).joined(separator: "\n")
        }
        var text = heads + parting
        if !comparison.differences.isEmpty { text += ["Given differently:"] + lines(comparison.differences) }
        return text.joined(separator: "\n")
    }

    private var parting: [String] {
        guard let parting = comparison.parting else {
            return ["Where they part is not in these files: write both with --explain --json."]
        }
        let after = parting.common.map { "up to there both have \($0)" } ?? "it is the first"
        switch (parting.a, parting.b) {
        case (nil, let more?): return ["a ends where b goes on with \(shown(more.name)); \(after)."]
        case (let more?, nil): return ["b ends where a goes on with \(shown(more.name)); \(after)."]
        case (let first?, let second?):
            let names =
                first.name == second.name
                ? shown(first.name) : "\(shown(first.name)) of a and \(shown(second.name)) of b"
            return ["They part at \(names), region \(parting.index); \(after)."] + lines(parting.differences)
        case (nil, nil): return []
        }
    }

    private func lines(_ differences: [LaunchDigestComparison.Difference]) -> [String] {
        differences.flatMap { difference in
            // Spaces in a command line count.
            let isText = difference.name == "command_line"
            let values = [("a", difference.a), ("b", difference.b)].map { side, value in
                "    \(side)  " + (value.map { isText ? JSONString.quoted($0) : shown($0) } ?? "-")
            }
            return ["  \(shown(difference.name))"] + values
        }
    }
}
