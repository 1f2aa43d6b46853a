using System.Net.Sockets;
using System.Runtime.InteropServices;
using Grpc.Core;
using Microsoft.AspNetCore.Connections.Features;
using OrleansGateway.Operations;
using OrleansGateway.Silo.Cli;

namespace OrleansGateway.Silo.Operator;

/// <summary>Who is at the other end of a connection.</summary>
internal static class Peer
{
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;

    /// <summary>What the audit calls whoever has the operator's token.</summary>
    private const string OperatorId = "operator";

    /// <summary>Whether it came through the Unix socket.</summary>
    public static bool IsLocal(HttpContext context) => context.Connection.RemoteIpAddress is null;

    /// <summary>Whether nobody between can read what is said: it is encrypted, or does not leave this machine.</summary>
    public static bool IsPrivate(HttpContext context) =>
        context.Request.IsHttps || context.Connection.LocalIpAddress is not { } address || System.Net.IPAddress.IsLoopback(address);

    /// <summary>Its network address, or its user where it is a process of this machine.</summary>
    public static string AddressOf(HttpContext context) =>
        context.Connection.RemoteIpAddress?.ToString() ?? UserOf(context.Features.Get<IConnectionSocketFeature>()?.Socket);

    /// <summary>Who asks: of a call within this process, whoever runs it.</summary>
    public static Actor Actor(this ServerCallContext context) =>
        new(ActorKind.Operator, OperatorId, context is InProcessContext ? "this process" : AddressOf(context.GetHttpContext()));

    private static string UserOf(Socket? socket)
    {
        if (socket is null || !OperatingSystem.IsLinux())
        {
            return "unix";
        }

        Span<byte> credentials = stackalloc byte[12]; // pid, uid, gid
        socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials);
        return $"unix uid {MemoryMarshal.Read<uint>(credentials[4..])}";
    }
}
