using System.Net;
using System.Net.WebSockets;
using OrleansGateway.Edge.Dialects.OpenAI;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.OpenAI.Realtime;

namespace OrleansGateway.Edge.Fronts.OpenAI.Realtime;

/// <summary>Begins a session with a provider.</summary>
internal static class RealtimeProvider
{
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(20);

    /// <summary>Connects, and reads the first event, which says whether the provider has begun a session.</summary>
    /// <returns>The connection, with the session's first event read; or how the attempt failed.</returns>
    public static async ValueTask<(RealtimeSocket? Socket, AttemptEnd End)> ConnectAsync(
        RealtimeServices services, Caller caller, Route route, CancellationToken clientGone)
    {
        var channel = route.Channel;
        using var late = new CancellationTokenSource(TimeSpan.FromMilliseconds(channel.Times.FirstByteMs), services.Time);
        using var stopped = CancellationTokenSource.CreateLinkedTokenSource(clientGone, late.Token);
        var socket = new ClientWebSocket();
        var opened = new RealtimeSocket(socket, services.Frames, caller);
        var end = AttemptEnd.Completed;
        try
        {
            socket.Options.CollectHttpResponseDetails = true;
            (socket.Options.KeepAliveInterval, socket.Options.KeepAliveTimeout) = (PingEvery, PingEvery);
            foreach (var (name, value) in OpenAIDialect.HeadersOf(channel))
            {
                socket.Options.SetRequestHeader(name, value);
            }

            await socket.ConnectAsync(UrlOf(route), services.Clients.For(channel), stopped.Token);
            end = await opened.ReadAsync(stopped.Token) == RealtimeRead.Event ? ReadFirst(opened.Event.Span, channel) : AttemptEnd.BrokenOff;
        }
        catch (Exception exception) when (RealtimeSocket.IsGone(exception))
        {
            end = clientGone.IsCancellationRequested ? AttemptEnd.Stopped
                : late.IsCancellationRequested ? AttemptEnd.TimedOut
                : socket.HttpStatusCode is not (0 or HttpStatusCode.SwitchingProtocols)
                    ? AttemptEnd.Failed(OpenAIDialect.ReadErrorOf(channel, (int)socket.HttpStatusCode, default))
                : AttemptEnd.BrokenOff;
        }

        if (end.Outcome == AttemptOutcome.Completed)
        {
            return (opened, end);
        }

        opened.Dispose();
        return (null, end);
    }

    private static AttemptEnd ReadFirst(ReadOnlySpan<byte> json, Channel channel) =>
        !RealtimeEvent.TryRead(json, out var first) ? AttemptEnd.Unreadable
        : first.Kind == RealtimeKind.Error ? AttemptEnd.Failed(OpenAIDialect.ReadErrorOf(channel, 200, json))
        : first.Kind == RealtimeKind.SessionCreated ? AttemptEnd.Completed
        : AttemptEnd.Unreadable;

    private static Uri UrlOf(Route route)
    {
        var url = new Uri(route.Channel.Provider.BaseUrl!, "realtime?model=" + Uri.EscapeDataString(route.UpstreamModel));
        return new UriBuilder(url) { Scheme = url.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs }.Uri;
    }
}
