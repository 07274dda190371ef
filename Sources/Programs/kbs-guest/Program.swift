import Arguments
import Crypto
import GuestCommands

@main
enum Program {
    static func main() async {
        do { try CryptoLibrary.check() } catch { KBSGuest.exit(withError: error) }
        await KBSGuest.main()
    }
}
