import Arguments
import Testing

@Suite("A group of arguments that need not be given")
struct OptionalGroupTests {
    struct Size: ParsableArguments {
        @Option(help: "Wide.") var width: Int
        @Option(help: "High.") var height: Int
        @Option(help: "In.") var unit = "cm"

        func validate() throws {
            guard width != height else { throw ValidationError("a square") }
        }
    }

    struct Draw: ParsableCommand {
        @Argument(help: "What.") var name: String
        @OptionalGroup var size: Size?
    }

    private func parse(_ line: String) throws -> Draw {
        try #require(try Draw.parseAsRoot(line.split(separator: " ").map(String.init)) as? Draw)
    }

    @Test("None of it given: there is no group, nothing of it is required, and it is not checked")
    func absent() throws { #expect(try parse("a").size == nil) }

    @Test("Given whole, it is there with its defaults")
    func given() throws {
        let size = try #require(try parse("a --width 1 --height 2").size)
        #expect(size.width == 1 && size.height == 2 && size.unit == "cm")
    }

    @Test(
        "Given in part, what it requires is asked for; then it is checked",
        arguments: [
            ("a --width 1", "Missing expected argument '--height <height>'"),
            ("a --unit mm", "Missing expected argument '--width <width>'"), ("a --width 1 --height 1", "a square"),
        ])
    func faults(line: String, says: String) {
        let error = #expect(throws: (any Error).self) { try parse(line) }
        #expect(error.map { "\($0)".contains(says) } == true, "\(error.map { "\($0)" } ?? "")")
    }
}
