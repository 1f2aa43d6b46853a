using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Net.Client;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Configuration;
using OrleansGateway.Silo.Operator;

namespace OrleansGateway.Silo.Cli;

/// <summary>A place where a service may listen for operators.</summary>
/// <param name="Name">As the settings have it.</param>
/// <param name="Endpoint">What to connect to.</param>
/// <param name="Url">What gRPC calls it; its host is the one that a certificate must name.</param>
internal sealed record ServiceAddress(string Name, EndPoint Endpoint, Uri Url)
{
    private static readonly TimeSpan ConnectMax = TimeSpan.FromSeconds(2);

    /// <summary>A server that is gone without a word is noticed after twice as long.</summary>
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(20);

    /// <summary>All of the settings' addresses, sockets first. A cluster's are one a silo, with semicolons between them.</summary>
    /// <exception cref="RefusedException">One of them is none.</exception>
    public static IReadOnlyList<ServiceAddress> Of(OperatorOptions options) =>
    [
        .. SettingProblems.SplitUrls(options.OperatorSocket).Select(OfSocket),
        .. SettingProblems.SplitUrls(options.OperatorGrpcUrls).Select(OfUrl),
    ];

    /// <summary>Whether anything listens there.</summary>
    public async Task<bool> IsListeningAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(ConnectMax);
        try
        {
            await using var stream = await ConnectAsync(patience.Token);
            return true;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <param name="certificate">The path of the certificate that the service may have besides those that this machine trusts; empty for none.</param>
    public GrpcChannel Open(string certificate)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectTimeout = ConnectMax,
            KeepAlivePingDelay = PingEvery,
            KeepAlivePingTimeout = PingEvery,
            ConnectCallback = async (_, cancellationToken) => await ConnectAsync(cancellationToken),
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = Validation(certificate) },
        };
        return GrpcChannel.ForAddress(
            Url, new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true, MaxReceiveMessageSize = null, MaxSendMessageSize = null });
    }

    private static RemoteCertificateValidationCallback? Validation(string path)
    {
        if (path.Length == 0)
        {
            return null;
        }

        try
        {
            var known = X509CertificateLoader.LoadCertificateFromFile(path).RawData;
            return (_, presented, _, errors) => errors == SslPolicyErrors.None || presented?.GetRawCertData().AsSpan().SequenceEqual(known) == true;
        }
        catch (CryptographicException)
        {
            // A machine that only calls the service need not have it.
            return null;
        }
    }

    private static ServiceAddress OfSocket(string path)
    {
        path = Path.GetFullPath(path);
        return System.Text.Encoding.UTF8.GetByteCount(path) <= OperatorSocket.PathBytesMax
            ? new ServiceAddress(path, new UnixDomainSocketEndPoint(path), new Uri("http://localhost"))
            : throw new RefusedException(
                $"{SettingNames.Full("Gateway:OperatorSocket")} is {path}, but a socket's path has at most {OperatorSocket.PathBytesMax} bytes.");
    }

    private static ServiceAddress OfUrl(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps))
        {
            throw new RefusedException($"{SettingNames.Full("Gateway:OperatorGrpcUrls")} has '{text}', which is not an address such as http://127.0.0.1:8082.");
        }

        if (url.Scheme == Uri.UriSchemeHttp && !url.IsLoopback && url.Host is not ("0.0.0.0" or "[::]"))
        {
            throw new RefusedException(
                $"{SettingNames.Full("Gateway:OperatorGrpcUrls")} has '{text}': the token would be readable on the way. Use https beyond this machine.");
        }

        // A wildcard is what a server listens on, not what a client can call.
        var host = url.Host is "0.0.0.0" or "[::]" ? "localhost" : url.DnsSafeHost;
        return new ServiceAddress(text, new DnsEndPoint(host, url.Port), new UriBuilder(url) { Host = host }.Uri);
    }

    private async Task<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = Endpoint is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(Endpoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
