import Arguments
import Foundation
import SampleCommands
import TestSupport
import Testing

@Suite("What is made of the declarations for other programs")
struct ManualTests {
    @Test("The manual page has every command with its arguments, and explains a group of options once")
    func contents() async {
        let page = await Sample.ending(of: ["--generate-manual"]).output
        #expect(page.contains("\n.SH NAME\nsample \\- a key broker for confidential workloads\n"))
        #expect(page.contains("\n.SS sample workload add\n"))
        #expect(page.contains("\n.TP\n\\fB\\-\\-measurement\\fR \\fImeasurement\\fR\nThe launch measurement"))
        #expect(page.contains("\n.TP\n\\fB\\-\\-cryptsetup\\fR \\fIdevice name\\fR\n"))
        #expect(page.components(separatedBy: "\n\\fB\\-\\-token\\-file\\fR ").count == 2)
        #expect(page.contains("as \\fBsample workload add\\fR does: see there.\n"))
        #expect(page.contains("does what \\fBsample sessions list\\fR does.\n"))
        #expect(page.contains("(default: 90d)"))
    }

    @Test("man has nothing to say against it", .enabled(if: Programs.has("groff"), "groff is not installed"))
    func groff() async throws {
        let folder = try TemporaryFolder()
        try Data(await Sample.ending(of: ["--generate-manual"]).output.utf8).write(to: folder.file("sample.1"))
        let result = try await ProgramResult.of(
            "groff", ["-man", "-Tutf8", "-ww", folder.file("sample.1").path], environment: ["GROFF_NO_SGR": "1"])
        #expect(result.status == 0)
        #expect(result.errors.isEmpty)
        #expect(result.output.contains("--insecure-http"))
    }
}
