using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Configuration;

namespace OrleansGateway.Silo.Cli;

/// <summary>The gateway refused, or cannot be reached; the message is for the person at the command line.</summary>
internal sealed class RefusedException(int exitCode, string message) : Exception(message)
{
    /// <summary>2 where what was asked for is not valid, otherwise 1.</summary>
    public int ExitCode { get; } = exitCode;
}

/// <summary>Calls the operator API: the running service's, or that of a gateway which this process runs for the one verb.</summary>
internal sealed class OperatorClient : IAsyncDisposable
{
    private static readonly TimeSpan CallMax = TimeSpan.FromMinutes(10);

    private readonly HttpClient _http;
    private readonly LocalGateway? _local;

    private OperatorClient(HttpClient http, LocalGateway? local)
    {
        _http = http;
        _local = local;
    }

    /// <summary>Finds the running service by the configuration; starts a gateway in this process when none runs.</summary>
    public static async Task<OperatorClient> ConnectAsync(OperatorOptions options, Func<Task<LocalGateway>> startLocal)
    {
        foreach (var url in SettingProblems.SplitUrls(options.OperatorUrls))
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || !await IsListeningAsync(address))
            {
                continue;
            }

            if (options.OperatorToken.Length == 0)
            {
                throw new RefusedException(1, $"A gateway runs at {address}, but {SettingNames.Full("Gateway:OperatorToken")} is missing.");
            }

            return new OperatorClient(Http(address, options.OperatorToken), null);
        }

        var local = await startLocal();
        return new OperatorClient(Http(local.Address, local.Token), local);
    }

    /// <summary>Calls a route and gives its answer.</summary>
    /// <exception cref="RefusedException">It was not done.</exception>
    public async Task<string> SendAsync(OperatorCall call, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(call.Method, $"/operator/{call.Path}");
        request.Content = call switch
        {
            { Body: { } body } => new StringContent(body.ToJsonString(), new MediaTypeHeaderValue("application/json")),
            { Text: { } text } => new ByteArrayContent(text),
            _ => null,
        };

        using var response = await _http.SendAsync(request, cancellationToken);
        var answer = await response.Content.ReadAsStringAsync(cancellationToken);
        if (response.IsSuccessStatusCode)
        {
            return answer;
        }

        var message = response.Content.Headers.ContentType?.MediaType == "application/json"
            ? JsonNode.Parse(answer)?["error"]?["message"]?.GetValue<string>()
            : null;
        throw new RefusedException(
            response.StatusCode == HttpStatusCode.BadRequest ? 2 : 1,
            message ?? $"The operator API at {_http.BaseAddress} answered {(int)response.StatusCode}; is it the gateway's?");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_local is not null)
        {
            await _local.DisposeAsync();
        }
    }

    private static HttpClient Http(Uri address, string token) => new(new SocketsHttpHandler { UseProxy = false })
    {
        BaseAddress = address,
        Timeout = CallMax,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
    };

    private static async Task<bool> IsListeningAsync(Uri address)
    {
        using var client = new TcpClient();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            // A wildcard is what a server listens on, not what a client can call.
            var host = address.Host is "0.0.0.0" or "[::]" or "*" or "+" ? "127.0.0.1" : address.DnsSafeHost;
            await client.ConnectAsync(host, address.Port, patience.Token);
            return true;
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}
