import Arguments
import SampleCommands
import Testing

@Suite("A command line is read by its declarations")
struct ParsingTests {
    private func parse<Command: ParsableCommand>(_ line: String, as: Command.Type) throws -> Command {
        try #require(try Sample.parseAsRoot(line.split(separator: " ").map { String($0) }) as? Command)
    }

    @Test("Arguments, options, flags and those of a group are filled in, whatever their order")
    func all() throws {
        for line in [
            "workload add web --measurement 00 --replace --url https://x --secret-file f",
            "workload add --secret-file=f --url=https://x --measurement=00 web --replace",
        ] {
            let add = try parse(line, as: Workload.Add.self)
            #expect(add.id == "web")
            #expect(add.measurement == "00")
            #expect(add.replace)
            #expect(add.secretFile == "f")
            #expect(add.place.url == "https://x")
            #expect(!add.place.insecureHttp)
        }
    }

    @Test("What is not given has its default")
    func defaults() throws {
        let add = try parse("workload add web --measurement 00", as: Workload.Add.self)
        #expect(add.secretFile == "-")
        #expect(add.teeConfig.isEmpty)
        #expect(!add.replace)
        #expect(add.place.url == nil)
        #expect(try parse("guest unlock --url x", as: Guest.Unlock.self).rsaBits == 2_048)
    }

    @Test("One parse leaves nothing for the next")
    func fresh() throws {
        #expect(try parse("sessions list --limit 5", as: Sessions.List.self).limit == 5)
        #expect(try parse("sessions list", as: Sessions.List.self).limit == 20)
    }

    @Test("An option that is given twice has its last value, and a flag stays set")
    func twice() throws {
        let list = try parse("sessions list --limit 5 --json --limit 6 --json", as: Sessions.List.self)
        #expect(list.limit == 6)
        #expect(list.json)
    }

    @Test("An array has every value, in order, in place of its default")
    func arrays() throws {
        #expect(try parse("verify sev --chain a --chain b", as: Verify.SEV.self).chain == ["a", "b"])
        let settings = try parse("serve --set a.b=1 --set=c.d=e=f", as: Serve.self).assignments
        #expect(settings.map(\.name) == ["a.b", "c.d"])
        #expect(settings.map(\.value) == ["1", "e=f"])
    }

    @Test("An option that goes on until the next takes what is between")
    func untilNextOption() throws {
        let unlock = try parse("guest unlock --cryptsetup dev name --url x", as: Guest.Unlock.self)
        #expect(unlock.cryptsetup == ["dev", "name"])
        #expect(unlock.url == "x")
        #expect(
            try parse("guest unlock --url x --cryptsetup=dev name", as: Guest.Unlock.self).cryptsetup == [
                "dev", "name",
            ])
    }

    @Test("Behind -- everything is a value")
    func terminator() throws {
        #expect(try parse("workload put -- a/b/-c", as: Workload.Put.self).path.text == "a/b/-c")
        #expect(try parse("sessions end -- --all", as: Sessions.End.self).id == "--all")
        #expect(!(try parse("sessions end -- --help", as: Sessions.End.self).all))
    }

    @Test("A dash alone is a value, and so is nothing")
    func dash() throws {
        #expect(try parse("workload put a/b/c -", as: Workload.Put.self).file == "-")
        let end = try Sample.parseAsRoot(["sessions", "end", ""]) as? Sessions.End
        #expect(end?.id?.isEmpty == true)
    }

    @Test("Places are filled in order, and optional ones may stay empty")
    func places() throws {
        let put = try parse("workload put a/b/c file 7", as: Workload.Put.self)
        #expect(put.file == "file")
        #expect(put.version == 7)
        #expect(try parse("workload put a/b/c", as: Workload.Put.self).version == nil)
    }

    @Test("Without the name of a command the default one is meant, with its options")
    func defaultCommand() throws {
        #expect(try parse("sessions", as: Sessions.List.self).limit == 20)
        #expect(try parse("sessions --limit 7", as: Sessions.List.self).limit == 7)
    }

    @Test("Numbers have the range of their type", arguments: ["4294967296", "-1", "1.0", "0x1", "", " 1"])
    func ranges(_ text: String) {
        #expect(throws: (any Error).self) {
            try Sample.parseAsRoot(["guest", "unlock", "--url", "x", "--vmpl=\(text)"])
        }
    }

    @Test("Names are made of the properties' and types' names")
    func names() {
        let help = Sample.helpMessage(for: ["guest", "unlock"])
        #expect(help.contains("--rsa-bits <rsa-bits>"))
        #expect(Sample.helpMessage(for: ["verify", "sev"]).contains("USAGE: sample verify sev"))
    }
}
