import Foundation
import TestSupport
import Testing

@Suite("kbs measure")
struct MeasureTests {
    private struct Document: Decodable {
        struct File: Decodable { let sha256: String, size: Int }
        struct Inputs: Decodable { let firmware: File, kernel: File?, initrd: File?, commandLine: String? }
        struct Region: Decodable { let name: String, digestAfter: String }
        let digest, vmm: String
        let vcpus: Int?
        let cpu, cpuSignature, guestFeatures: String?
        let inputs: Inputs
        let regions: [Region]?
    }

    private func documents(_ json: String) throws -> [Document] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode([Document].self, from: Data(json.utf8))
    }

    /// A folder with real firmware's tables as `amdsev` and `ovmfx64`, if they are here; `plain` has none.
    private func shell() async throws -> Shell {
        let shell = try Shell()
        for name in ["amdsev", "ovmfx64"] where Vectors.arePresent {
            let image = try Vectors.bytes("vectors/launch/\(name)-suffix.bin")
            try Data(image).write(to: shell.folder.file(name))
        }
        let made = "head -c 4096 /dev/zero >plain; head -c 65536 /dev/zero >qboot; printf kernel >k; printf initrd >i"
        #expect(try await shell(made).status == 0)
        return shell
    }

    @Test("One digest for each combination, in a table and as JSON", .enabled(if: Vectors.arePresent))
    func combinations() async throws {
        let shell = try await shell()
        let line = "$KBS measure snp --firmware amdsev --vcpus 1,4 --cpu EPYC-v4,EPYC-Milan --guest-features 0x1,0x21"
        let table = try await shell(line)
        #expect(table.status == 0 && table.errors.isEmpty)
        let rows = table.output.split(separator: "\n")
        #expect(rows.count == 9 && rows.first?.contains("vcpus") == true)
        let documents = try documents(try await shell("\(line) --json").output)
        #expect(documents.count == 8 && Set(documents.map(\.digest)).count == 8)
        for (row, document) in zip(rows.dropFirst(), documents) { #expect(row.hasPrefix(document.digest)) }
        // Known answers.
        let first = try #require(documents.first { $0.cpu == "EPYC-v4" && $0.guestFeatures == "0x1" })
        #expect(
            first.digest == """
                19358ba9a7615534a9a1e2f0dfc29384dcd4dcb7062ff9c6013b26869a5fc6ecabe033c48dd6f6db5d6d76e7c5df632d
                """)
        #expect(first.vcpus == 1 && first.cpuSignature == "0x800f12" && first.regions == nil)
        #expect(
            first.inputs.firmware.sha256 == "8f765dfabc127fc0a938a0744a3103ec15864d7d794eb4c398aa976b6d6ab16c")
    }

    @Test("A CPU type by its signature or its numbers is the same", .enabled(if: Vectors.arePresent))
    func cpuTypes() async throws {
        let shell = try await shell()
        var digests: Set<String> = []
        for type in ["--cpu EPYC-Milan-v2", "--cpu-signature 0xa00f11", "--family 25 --model 1 --stepping 1"] {
            let result = try await shell("$KBS measure snp --firmware amdsev --vcpus 2 \(type) --json")
            digests.formUnion(try documents(result.output).map(\.digest))
        }
        #expect(digests.count == 1)
    }

    @Test("Each digest tells its provenance: files' hashes and the command line", .enabled(if: Vectors.arePresent))
    func provenance() async throws {
        let shell = try await shell()
        let line = "$KBS measure snp --firmware amdsev --kernel k --initrd i --append 'a \"b\"  ' --vcpus 1 --cpu EPYC"
        let inputs = try #require(try documents(try await shell("\(line) --json").output).first?.inputs)
        #expect(inputs.commandLine == "a \"b\"  ")
        #expect(inputs.kernel?.size == 6 && inputs.initrd?.size == 6)
        let sum = try await shell("sha256sum <k").output
        #expect(sum.hasPrefix(inputs.kernel?.sha256 ?? "-"))
    }

    /// What `kbs reference show` says of each digest, however it came there.
    @Test(
        "Digests are kept with what they stand for, by each of the ways", .enabled(if: Vectors.arePresent),
        arguments: [
            "$KBS measure snp $L --reference web --data $D",
            "$KBS measure snp $L --json >m && $KBS reference set web m --data $D",
            "$KBS measure snp $L --json | $KBS reference set web - --data $D",
            "$KBS reference set web --measure snp $L --data $D", "$KBS reference add web --measure snp $L --data $D",
        ])
    func reference(way: String) async throws {
        let shell = try await shell()
        // As bash has it in an array.
        let options = "L=(--firmware ./amdsev --kernel k --append $'a \"b\\\\c\" ü\\t\\x7f' --vcpus 1,2 --cpu EPYC-v4)"
        let set = try await shell("\(options); \(way.replacing("$L", with: "\"${L[@]}\""))")
        #expect(set.status == 0, "\(set)")
        #expect((set.output + set.errors).contains("the reference values web, kind measurement, version 1: 2 values."))
        let shown = try await shell("$KBS reference show web --data $D").output
        for document in try documents(try await shell("\(options); $KBS measure snp \"${L[@]}\" --json").output) {
            #expect(shown.contains("value    \(document.digest)\n"))
        }
        #expect(shown.contains("computed by kbs "))
        #expect(shown.contains("firmware amdsev, sha256 8f765dfabc127fc0"), "\(shown)")
        #expect(shown.contains("kernel   k, sha256 ") && shown.contains("cpu EPYC-v4, guest-features 0x1"))
        #expect(shown.contains(#"append   "a \"b\\c\" ü\u0009\u007f""#), "\(shown)")
        #expect(shown.contains("added    ") && shown.contains(" by local:uid "))
    }

    @Test("A workload is registered by what its guest is made of", .enabled(if: Vectors.arePresent))
    func workload() async throws {
        let shell = try await shell()
        let options = "--firmware amdsev --cpu EPYC-v4"
        let digest = try documents(try await shell("$KBS measure snp \(options) --vcpus 1 --json").output).first?.digest
        let line = "printf s | $KBS workload add web --measure snp \(options) --data $D"
        let several = try await shell("\(line) --vcpus 1,2")
        #expect(several.status == 2 && several.errors.contains("has one measurement"), "\(several)")
        #expect(try await shell("\(line) --vcpus 1").status == 0)
        #expect(try await shell("$KBS workload show web --data $D").output.contains("measurement  \(digest ?? "-")"))
        for wrong in ["\(line) --vcpus 1 --measurement 00", "printf s | $KBS workload add web --data $D"] {
            let result = try await shell(wrong)
            #expect(result.status == 64 && result.errors.contains("give --measurement, or --measure snp"))
        }
    }

    @Test("What goes with --measure, and what does not, is told")
    func referenceFaults() async throws {
        let shell = try await shell()
        for (line, says, status) in [
            ("set web", "Give a file, or --measure snp", 64), ("set web f --measure snp", "--firmware <file>", 64),
            ("set web --firmware plain", "--measure <measure>", 64),
            ("set web --measure tdx --firmware plain --vcpus 1", "'snp'", 64),
            ("set web --measure snp --firmware plain --vcpus 1", "give the CPU type once", 64),
            ("add web --from-attempt 1 f", "leave out the file", 64), ("retire web", "--after 24h, or --now", 64),
            ("retire web --now --after 1h", "exclude each other", 64),
            ("set web f --keep-previous soon", "invalid", 64),
            ("set web f --expires soon", "invalid", 64),
        ] {
            let result = try await shell("touch f; $KBS reference \(line) --data $D")
            #expect(result.status == status && result.errors.contains(says), "\(line): \(result)")
        }
        let sev = try await shell("$KBS measure sev --firmware plain --json | $KBS reference set web - --data $D")
        #expect(sev.status == 2 && sev.errors.contains("no policy names"))
        let other = try await shell("echo '[{}]' | $KBS reference set web - --data $D")
        #expect(other.status == 2 && other.errors.contains("is not what `kbs measure snp --json` writes"))
    }

    @Test("One release takes the place of another on the command line, and the history tells it")
    func release() async throws {
        let shell = try await shell()
        func file(_ name: String, _ digit: String) async throws {
            let digest = String(repeating: digit, count: 96)
            let text = "kind = \"measurement\"\nvalues = [\"\(digest)\"]"
            try Data(text.utf8).write(to: shell.folder.file(name))
        }
        try await file("old.toml", "1")
        try await file("new.toml", "2")
        let first = try await shell("$KBS reference set web old.toml --source 'release 1' --data $D")
        #expect(first.output == "Set the reference values web, kind measurement, version 1: 1 value.\n", "\(first)")
        let next = try await shell("$KBS reference set web new.toml --keep-previous 24h --data $D")
        #expect(next.output.contains("2 values: 1 without end, 1 until "), "\(next)")
        let retired = try await shell(
            "$KBS reference retire web --now --value \(String(repeating: "1", count: 96)) --data $D")
        #expect(retired.output.contains("1 EXPIRED on "))
        let later = try await shell("$KBS reference add other new.toml --valid-from 2h --expires 2036-01-01 --data $D")
        #expect(later.output.contains("not before"))
        let marked = try await shell("$KBS reference retire web --superseded-by other --data $D")
        #expect(marked.output.contains("SUPERSEDED by @other"))
        let history = try await shell("$KBS reference history web --data $D").output
        let lines = history.split(separator: "\n").map { $0.prefix(20) }
        #expect(lines.filter { $0.hasPrefix("version ") }.count == 4, "\(history)")
        #expect(
            history.contains("dated  1111") && history.contains("came   2222") && history.contains("source release 1"))
        #expect(try await shell("$KBS reference history none --data $D").status == 5)
        #expect(try await shell("$KBS reference history web --json --data $D | grep -c '\"version\"'").output == "4\n")
        let listed = try await shell("$KBS reference list --data $D").output
        #expect(listed.contains("web    measurement  2       never"), "\(listed)")
        #expect(try await shell("$KBS reference add web --from-attempt 1 --data $D").status == 5)
    }

    @Test("Two digests are compared: where they part, and what differs", .enabled(if: Vectors.arePresent))
    func diff() async throws {
        let shell = try await shell()
        let line = "$KBS measure snp --firmware amdsev --explain --json"
        let made = try await shell("\(line) --vcpus 2 --cpu EPYC-v4 >a && \(line) --vcpus 2 --cpu EPYC-Milan >b")
        #expect(made.status == 0)
        let different = try await shell("$KBS measure diff a b")
        #expect(different.status == 1 && different.errors.isEmpty)
        #expect(different.output.contains("They part at VMSA of vCPU 0, region 8; up to there both have 2a436bb1f7"))
        #expect(different.output.contains("  rdx\n    a  0x800f12\n    b  0xa00f11\n"))
        #expect(different.output.contains("  cpu\n    a  EPYC-v4\n    b  EPYC-Milan\n"))
        let same = try await shell("$KBS measure diff a a")
        #expect(same.status == 0 && same.output.hasSuffix("The digests are the same.\n"))
        #expect(try await shell("\(line) --vcpus 1,2 --cpu EPYC-v4 >c").status == 0)
        let which = try await shell("$KBS measure diff c a")
        #expect(which.status == 2 && which.errors.contains("c has 2 digests: say which with --digest-a"))
        let vcpus = try await shell("$KBS measure diff c a --digest-a 19358BA9")
        #expect(vcpus.status == 1 && vcpus.output.contains("a ends where b goes on with VMSA of vCPU 1"))
        let brief = "$KBS measure snp --firmware amdsev --vcpus 1 --cpu EPYC --json"
        let short = try await shell("\(brief) >d; $KBS measure diff a d")
        #expect(short.status == 1 && short.output.contains("Where they part is not in these files"))
    }

    @Test("Files that are none are named", arguments: ["printf x >f", "echo '[{}]' >f", "echo '[]' >f", "rm -f f"])
    func unreadable(_ making: String) async throws {
        let result = try await Shell()("\(making); $KBS measure diff f f")
        #expect(result.status == 2 && result.output.isEmpty)
        #expect(result.errors.hasPrefix("Error: f "))
    }

    @Test("What goes to the terminal from a file is escaped")
    func escaped() async throws {
        let shell = try await shell()
        let line = "$KBS measure sev --firmware plain --json"
        let result = try await shell("\(line) | sed 's/qemu/q\\\\u001b[31m/' >a; \(line) >b; $KBS measure diff a b")
        #expect(result.status == 0 && result.output.contains("q\\u001b[31m"))
        #expect(!result.output.contains("\u{1B}"))
    }

    @Test("Regions are shown with the digest after each")
    func explained() async throws {
        let shell = try await shell()
        let line = "$KBS measure sev-es --firmware plain --vcpus 1 --cpu EPYC-v4 --explain"
        let text = try await shell(line).output
        let document = try #require(try documents(try await shell("\(line) --json").output).first)
        #expect(document.regions?.map(\.name) == ["firmware", "VMSA of vCPU 0"])
        #expect(document.regions?.last?.digestAfter == document.digest)
        #expect(text.hasPrefix(document.digest) && text.contains("\(document.digest.prefix(16))…\n"))
    }

    @Test("libkrun's guests by vCPUs and memory, without OVMF")
    func krun() async throws {
        let shell = try await shell()
        let line = "--vmm krun --firmware qboot --kernel plain --initrd plain --memory 2048 --vcpus 1,2 --json"
        for technology in ["snp", "sev-es", "sev"] {
            let documents = try documents(try await shell("$KBS measure \(technology) \(line)").output)
            #expect(documents.map(\.vcpus) == [1, 2] && Set(documents.map(\.digest)).count == 2)
        }
    }

    @Test(
        "What cannot be computed is refused with what to do",
        arguments: [
            ("snp --firmware nofile --vcpus 1 --cpu EPYC", "nofile cannot be read: it is not there", 2),
            ("snp --firmware k --vcpus 1 --cpu EPYC", "k: it has 6 bytes: an OVMF image has a multiple of 4,096", 2),
            ("snp --firmware plain --vcpus 1 --cpu EPYC", "plain has no SEV metadata", 2),
            ("sev --firmware plain --kernel k", "plain has no place for the hashes of kernel", 2),
            ("sev-es --firmware plain --vcpus 2 --cpu EPYC", "the firmware does not say where further vCPUs start", 2),
            ("sev-es --firmware plain --vcpus 0 --cpu EPYC", "a guest cannot have 0 vCPUs", 2),
            ("sev-es --firmware plain --vcpus 1 --vmm ec2", "sev-es guests are not known for ec2", 2),
            ("snp --firmware plain --vcpus 1 --cpu EPYC-Naples", "\"EPYC-Naples\" is not a CPU type that is known", 64),
            ("snp --firmware plain --vcpus 1", "give the CPU type once", 64),
            ("snp --firmware plain --vcpus 1 --cpu EPYC --cpu-signature 1", "give the CPU type once", 64),
            ("snp --firmware plain --vcpus 1 --cpu-signature 0x100000000", "a CPUID signature has 32 bits", 64),
            ("snp --firmware plain --vcpus 1 --family 25", "--family, --model and --stepping go together", 64),
            ("snp --firmware plain --vcpus 1 --family 25 --model 1 --stepping 16", "steppings 0 to 15", 64),
            ("snp --firmware plain --vcpus 1 --cpu EPYC --vmm ec2", "ec2 does not measure the CPU type", 64),
            ("snp --firmware plain --vcpus 1 --vmm gce --kernel k", "gce starts the kernel from the guest's disk", 64),
            ("snp --firmware plain --vcpus 1, --cpu EPYC", "--vcpus", 64),
            ("snp --firmware plain --vcpus 1 --cpu EPYC --vmm xen", "--vmm", 64),
            ("snp --firmware plain --vcpus 1 --cpu EPYC --initrd i", "--initrd and --append go with --kernel", 64),
            ("snp --firmware plain --vcpus 1 --cpu EPYC --memory 512", "go with --vmm krun", 64),
            ("snp --firmware qboot --vcpus 1 --vmm krun --kernel k --initrd i", "give --memory", 64),
            ("sev --firmware plain --vcpus 1", "leave out --vcpus", 64),
            ("sev --firmware plain --append x", "--initrd and --append go with --kernel", 64),
        ])
    func refused(_ line: String, _ sentence: String, _ status: Int32) async throws {
        let shell = try await shell()
        let result = try await shell("$KBS measure \(line)")
        #expect(result.status == status)
        #expect(result.output.isEmpty)
        #expect(result.errors.hasPrefix("Error: "))
        #expect(result.errors.contains(sentence), "\(result.errors)")
    }
}
