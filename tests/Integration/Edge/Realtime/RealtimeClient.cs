using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace OrleansGateway.Tests.Integration.Edge.Realtime;

/// <summary>A client of Realtime sessions, event by event.</summary>
internal sealed class RealtimeClient : IDisposable
{
    private readonly byte[] _buffer = new byte[64 * 1024];

    public ClientWebSocket Socket { get; } = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static Task<RealtimeClient> ConnectAsync(EdgeFixture edge, string query = "?model=test-model", string? key = null, Action<ClientWebSocketOptions>? options = null) =>
        ConnectAsync(edge.Client.BaseAddress!, query, key ?? edge.Key, options);

    /// <param name="gateway">Where it is; a base address.</param>
    public static async Task<RealtimeClient> ConnectAsync(Uri gateway, string query, string key, Action<ClientWebSocketOptions>? options = null)
    {
        var client = new RealtimeClient();
        if (options is null)
        {
            client.Socket.Options.SetRequestHeader("Authorization", "Bearer " + key);
        }

        options?.Invoke(client.Socket.Options);
        await client.Socket.ConnectAsync(new UriBuilder(new Uri(gateway, "/v1/realtime" + query)) { Scheme = "ws" }.Uri, Token);
        return client;
    }

    /// <summary>Connects, and reads the session's beginning.</summary>
    public static async Task<RealtimeClient> BeginAsync(EdgeFixture edge)
    {
        var client = await ConnectAsync(edge);
        await client.UntilAsync("session.created");
        return client;
    }

    public Task SendAsync(object told) => SendTextAsync(System.Text.Json.JsonSerializer.Serialize(told));

    public Task SendTextAsync(string text) => Socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, Token);

    /// <summary>The next event; null once the session is closed.</summary>
    public async Task<JsonObject?> ReadAsync()
    {
        using var text = new MemoryStream();
        while (true)
        {
            var read = await Socket.ReceiveAsync(_buffer, Token);
            if (read.MessageType == WebSocketMessageType.Close)
            {
                await Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", Token);
                return null;
            }

            text.Write(_buffer, 0, read.Count);
            if (read.EndOfMessage)
            {
                return JsonNode.Parse(text.ToArray())!.AsObject();
            }
        }
    }

    /// <summary>Reads to the next event of a type.</summary>
    public async Task<JsonObject> UntilAsync(string type)
    {
        while (true)
        {
            var told = await ReadAsync() ?? throw new InvalidOperationException($"Closed with {Socket.CloseStatus} {Socket.CloseStatusDescription} before {type}.");
            if ((string?)told["type"] == type)
            {
                return told;
            }

            Assert.NotEqual("error", (string?)told["type"]);
        }
    }

    /// <summary>Reads to the end of the session.</summary>
    public async Task<List<JsonObject>> ToEndAsync()
    {
        var all = new List<JsonObject>();
        while (await ReadAsync() is { } told)
        {
            all.Add(told);
        }

        return all;
    }

    /// <summary>Sends a second of sound, which is a turn.</summary>
    public Task SpeakAsync() => SendAsync(new { type = "input_audio_buffer.append", audio = Convert.ToBase64String(new byte[48_000]) });

    public void Dispose() => Socket.Dispose();
}
