import Arguments
import SampleCommands
import Testing

@Suite("Help")
struct HelpTests {
    private func ending(_ line: String) async -> Ending {
        await Sample.ending(of: line.split(separator: " ").map { String($0) })
    }

    @Test(
        "A program's help lists its commands",
        arguments: ["", "--help", "-h", "help", "help nosuch", "help help --help"])
    func program(_ line: String) async {
        let help = """
            OVERVIEW: A key broker for confidential workloads.

            It holds secrets for guests whose memory the host cannot read, and gives each
            to the guest it was registered for, once hardware has vouched for it.

            USAGE: sample <subcommand>

            OPTIONS:
              --version               Show the version.
              -h, --help              Show help information.

            SUBCOMMANDS:
              workload                Register, list, show, disable, test and remove
                                      workloads.
              sessions                List and end the sessions of attested guests. Those
                                      without a workload get what policies give them.
              token                   Make, list and revoke access tokens.
              guest                   Inside a confidential guest: get its secret, or its
                                      evidence.
              verify                  Check evidence in files, without a server.
              serve                   Run the key broker.
              speak                   Ask, and print.

              See 'sample help <subcommand>' for detailed help.

            """
        let expected = line == "help help --help" ? Sample.helpMessage(for: ["help"]) : help
        #expect(await ending(line) == Ending(output: expected))
    }

    @Test("A command's help has its arguments with values and defaults, in lines of 80 characters")
    func command() async {
        let help = """
            OVERVIEW: Make a token. It is printed once, and cannot be had again.

            registrar adds, replaces and removes workloads; auditor reads workloads,
            sessions, attempts and the audit trail; admin does everything. It goes with a
            request as `Authorization: Bearer`, or as the password of HTTP Basic with any
            user name, which is what Buildah can send.

            USAGE: sample token create [--url <url>] [--token-file <token-file>] [--ca <ca>] [--insecure-http] \
            [--data <folder>] [--config <config>] --role <role> [--description <description>] [--expires <expires>] \
            [--json]

            OPTIONS:
              --url <url>             A running server, e.g. https://kbs.example.org:8080
                                      (environment: KBS_URL).
              --token-file <token-file>
                                      A file with the token for it (environment: KBS_TOKEN,
                                      with the token itself).
              --ca <ca>               A file with the certificate authority or the very
                                      certificate of the server, PEM (environment: KBS_CA).
              --insecure-http         Talk to a server on another machine without TLS.
              --data <folder>         Folder for the database and the master key (default
                                      kbs-data).
              --config <config>       A TOML file with settings, for its data folder
                                      (environment: KBS_CONFIG).
              --role <role>           registrar, auditor or admin. (values: registrar,
                                      auditor, admin)
              --description <description>
                                      What it is for.
              --expires <expires>     How long it is good for, e.g. 12h or 30d. (default:
                                      90d)
              --json                  Print JSON.
              --version               Show the version.
              -h, --help              Show help information.


            """
        for line in [
            "token create --help", "help token create", "token create -h --role king", "token create x --help",
        ] {
            #expect(await ending(line) == Ending(output: help))
        }
    }

    @Test("Places stand before options, and usage shows what may be left out")
    func places() {
        #expect(
            Sample.helpMessage(for: ["workload", "put"]) == """
                USAGE: sample workload put <path> [<file>] [<version>]

                ARGUMENTS:
                  <path>                  The resource's path: repository/type/tag.
                  <file>                  A file with the bytes; - is standard input. (default:
                                          -)
                  <version>               The version's number.

                OPTIONS:
                  --version               Show the version.
                  -h, --help              Show help information.


                """)
    }

    @Test("The default command is marked, and help alone is about the command above it")
    func defaultCommand() async {
        let help = Sample.helpMessage(for: ["sessions"])
        #expect(help.contains("\n  list (default)          List the sessions.\n"))
        #expect(help.contains("\n  See 'sample help sessions <subcommand>' for detailed help.\n"))
        #expect(await ending("sessions --help").output == help)
        #expect(await ending("sessions --limit 3 --help").output == Sample.helpMessage(for: ["sessions", "list"]))
    }

    @Test("Usage of more than twelve arguments shows what must be given")
    func longUsage() {
        #expect(Sample.helpMessage(for: ["serve"]).contains("\nUSAGE: sample serve <options>\n"))
        #expect(
            Sample.helpMessage(for: ["guest", "unlock"]).contains(
                "USAGE: sample guest unlock --url <url> [--cryptsetup <device> <name> ...] [--rsa-bits <rsa-bits>] [--vmpl <vmpl>]"
            ))
    }

    @Test("A narrow and a wide terminal are used as they are")
    func widths() async {
        let narrow = await Sample.ending(of: ["serve", "--help"], width: 60).output
        #expect(narrow.contains("\n                          https://kbs.example.org:8080\n"))
        let wide = await Sample.ending(of: ["serve", "--help"], width: 200).output
        #expect(wide.contains("A running server, e.g. https://kbs.example.org:8080 (environment: KBS_URL).\n"))
        // Less than fits anything is taken for a little more.
        #expect(await Sample.ending(of: ["serve", "--help"], width: 1).status == 0)
    }

    @Test(
        "The version is the program's, at each command",
        arguments: ["--version", "workload --version", "serve --version x"])
    func version(_ line: String) async { #expect(await ending(line) == Ending(output: "1.2.3\n")) }
}
