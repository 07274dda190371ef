import Administration
import Arguments
import Broker
import Bytes
import Evidence
import FoundationEssentials
import Installation
import Server

extension EndorsementsCommand {
    struct Warm: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fetch the certificates that a fleet will need, before its hosts get new firmware.",
            discussion: """
                Only missing certificates are requested, and each is kept at once: repeat a run that was interrupted. \
                Requests keep to the vendor's pace. Exits with 1 if a certificate could not be fetched, and with 3 if \
                the vendor stopped answering.
                """)

        @OptionGroup var options: SettingsOptions
        @Flag(help: "For each chip of the data folder's attempts (`kbs fleet`).") var fleet = false
        @Option(help: "For each chip of a file that `kbs fleet --json` wrote.") var from: String?
        @Option(
            help: ArgumentHelp(
                "The hosts' future TCB, e.g. milan=04.00.22.213; chips of other products are skipped. May be repeated. "
                    + "Without it: the TCB that each chip reported last.", valueName: "product=tcb"))
        var tcb: [String] = []
        @Option(help: ArgumentHelp("The age of the oldest attempt that counts, e.g. 12h or 7d.", valueName: "time"))
        var since = "30d"

        func run() async throws {
            guard fleet != (from != nil) else { throw ValidationError("Give --fleet, or --from FILE.") }
            let opened = try await BrokerAssembly(opening: try options.resolveFolder())
            let span = try LookBack.span(since)
            let seen =
                if let from { try Self.machines(in: from) } else {
                    try await opened.administrator.fleet(span: span, under: nil).machines
                }
            let (wanted, passedOver) = try identities(of: seen)
            let warming = try await EndorsementCommands(opened.settings, in: opened.folder).warm(wanted) {
                name, outcome in
                switch outcome {
                case .fetched: print("fetched  \(name)")
                case .failed(let reason): print("failed   \(name): \(reason)")
                case .atHand, .notAsked: break
                }
            }
            print(
                "\(warming.fetched) fetched, \(warming.atHand) were at hand, \(warming.failed) failed, "
                    + "\(warming.notAsked) not asked for.")
            if passedOver > 0 {
                print("\(passedOver) hidden machines are left out: their cloud gives their guests the certificate.")
            }
            if let reason = warming.stopped {
                throw CommandFailure("the vendor answers nothing now: \(reason). Run it again later", .unreachable)
            }
            guard warming.failed == 0 else { throw ExitCode(1) }
        }

        private static func machines(in file: String) throws -> [MachineSummary] {
            do { return try FleetSummary(json: try InputFile.evidence(file)).machines } catch is MalformedInput {
                throw CommandFailure("\(file) is not what `kbs fleet --json` writes")
            }
        }

        /// The name of each chip's key, and the number of machines whose chip or product is not known.
        private func identities(
            of machines: [MachineSummary]
        ) throws -> (wanted: [EndorsementName], passedOver: Int) {
            let floors =
                try tcb.isEmpty ? nil : AppraisalPolicy().holding(firmwareTo: tcb.joined(separator: ",")).firmwareFloors
            var (wanted, passedOver) = ([EndorsementName](), 0)
            for machine in machines where GuestTEE(exactly: machine.tee) == .snp {
                guard let chip = machine.chip.flatMap({ Hex.decode($0) }),
                    let product = machine.product.flatMap({ Product(exactly: $0) })
                else {
                    passedOver += 1
                    continue
                }
                let text = floors.map { $0[ExactText(product.rawValue)]?.text } ?? machine.versions["reported_tcb"]
                guard let tcb = text.flatMap({ TCBVersion($0, product: product) }), chip.count == product.chipIDLength
                else { continue }
                let key = EndorsementIdentity(kind: .vcek, product: product, hardwareID: chip, tcb: tcb)
                wanted.append(AMDDocument.key(key).name)
            }
            return (wanted, passedOver)
        }
    }
}
