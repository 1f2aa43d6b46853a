using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;

namespace OrleansGateway.Edge.Channels;

/// <summary>
/// What a request has in common with those before it in its conversation, as a number: among channels of equal priority they go to the same one,
/// where the provider's prompt cache has their beginning, and where what it signed or encrypted is known. By the client's own word for it, else
/// by how the request begins. The same in every process; the customer's choice decides no more than which of the channels serves it.
/// </summary>
internal static class Affinity
{
    /// <summary>A beginning that providers cache, bytes: shorter ones have nothing to come back for.</summary>
    private const int BeginningBytes = 4096;

    private static readonly string[] SessionHeaders = ["x-claude-code-session-id", "session-id", "x-session-id", "x-session-affinity"];

    /// <returns>0 where there is nothing in common: any channel is as good.</returns>
    /// <param name="body">JSON, or anything else.</param>
    public static ulong Of(string accountId, IHeaderDictionary headers, ReadOnlySpan<byte> body)
    {
        var own = MemberOf(body, "\"prompt_cache_key\""u8);
        if (own.IsEmpty)
        {
            foreach (var name in SessionHeaders)
            {
                if (headers[name].ToString() is { Length: > 0 } session)
                {
                    own = MemoryMarshal.AsBytes(session.AsSpan());
                    break;
                }
            }
        }

        own = own.IsEmpty ? UserOf(body) : own;
        own = own.IsEmpty && body.Length >= BeginningBytes ? body[..BeginningBytes] : own;
        return own.IsEmpty ? 0 : Mix(((ulong)Hash(MemoryMarshal.AsBytes(accountId.AsSpan())) << 32) | Hash(own)) | 1;
    }

    /// <summary>
    /// How much a channel is the one for it. The greatest is chosen: when a channel rests only what is its own goes elsewhere, to come back
    /// later, and each has its weight's share of all.
    /// </summary>
    public static double ScoreOf(ulong affinity, string channel, int weight)
    {
        var drawn = Mix(affinity ^ ((ulong)Hash(MemoryMarshal.AsBytes(channel.AsSpan())) << 17));
        return weight / -Math.Log(((drawn >> 11) + 0.5) / (1UL << 53));
    }

    /// <summary>The user for whom a client of Anthropic asks: its agents name a session in it.</summary>
    private static ReadOnlySpan<byte> UserOf(ReadOnlySpan<byte> body)
    {
        var at = body.IndexOf("\"metadata\""u8);
        return at < 0 ? default : MemberOf(body.Slice(at, Math.Min(1024, body.Length - at)), "\"user_id\""u8);
    }

    /// <summary>The text of the first member of that name, as it is written; nothing where it has none. In a text the name's quotes are escaped.</summary>
    private static ReadOnlySpan<byte> MemberOf(ReadOnlySpan<byte> json, ReadOnlySpan<byte> quotedName)
    {
        var at = json.IndexOf(quotedName);
        if (at < 0)
        {
            return default;
        }

        var rest = json[(at + quotedName.Length)..].TrimStart(" \t\r\n"u8);
        rest = rest is [(byte)':', ..] ? rest[1..].TrimStart(" \t\r\n"u8) : default;
        return rest is [(byte)'"', ..] && rest[1..].IndexOf((byte)'"') is > 0 and var end ? rest[1..(end + 1)] : default;
    }

    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            hash = BitOperations.Crc32C(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var rest in bytes)
        {
            hash = BitOperations.Crc32C(hash, rest);
        }

        return hash;
    }

    /// <summary>SplitMix64's last step: each bit depends on every other.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
