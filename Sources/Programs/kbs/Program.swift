import Arguments
import Commands
import Crypto
import HTTPClient

@main
enum Program {
    static func main() async {
        // Before there is another thread, since it changes the environment.
        HTTPClientLibrary.prepareProcess()
        do { try CryptoLibrary.check() } catch { KBS.exit(withError: error) }
        await KBS.main()
    }
}
