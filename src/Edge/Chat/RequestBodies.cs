using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Bodies;
using OrleansGateway.Edge.Http;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>Reads requests' bodies into memory that is bounded, for those that are not admitted yet and for those that are.</summary>
internal sealed class RequestBodies
{
    /// <summary>What a body gets at first that does not tell its length.</summary>
    private const int FirstBytes = 16 * 1024;

    private readonly AccountClient _accounts;
    private readonly EdgeOptions _options;
    private readonly BodyBudget _unadmitted;
    private readonly BodyBudget _admitted;

    public RequestBodies(AccountClient accounts, EdgeMetrics metrics, TimeProvider time, IOptions<EdgeOptions> options)
    {
        _accounts = accounts;
        _options = options.Value;
        _unadmitted = new BodyBudget(_options.UnadmittedBodyBytes, time);
        _admitted = new BodyBudget(_options.AdmittedBodyBytes, time);
        metrics.WatchBodies(_unadmitted, _admitted);
    }

    /// <summary>Reads the whole body.</summary>
    /// <returns>What is wrong with it, or null. A client that went away is 499: nobody is there to be answered.</returns>
    public async ValueTask<Refusal?> ReadAsync(ChatCall call)
    {
        var request = call.Context.Request;
        if (request.Headers.ContentEncoding is { Count: > 0 } encoding && !IsIdentity(encoding.ToString()))
        {
            return Refuse(415, $"Content-Encoding '{encoding}' is not supported; send the body uncompressed.", "unsupported_encoding");
        }

        var limit = call.Context.Features.Get<IHttpMaxRequestBodySizeFeature>();
        if (limit is { IsReadOnly: false })
        {
            limit.MaxRequestBodySize = _options.MaxBodyBytes;
        }

        if (request.ContentLength > _options.MaxBodyBytes)
        {
            return TooLarge();
        }

        call.BeginUpload(request.BodyReader, _options.UploadTimeoutMs);
        try
        {
            return await MakeRoomAsync(call, (int)(request.ContentLength ?? Math.Min(FirstBytes, _options.MaxBodyBytes)))
                ?? await CopyAsync(call, request.BodyReader);
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return TooLarge();
        }
        catch (BadHttpRequestException exception)
        {
            return Refuse(exception.StatusCode, "The request body could not be read: " + exception.Message, "invalid_body");
        }
        catch (Exception exception) when (exception is OperationCanceledException or ConnectionResetException or IOException)
        {
            return Refuse(499, "The client closed the connection before the request was complete.", null);
        }
        finally
        {
            call.EndUpload();
        }
    }

    /// <summary>Makes room for a request that is about to be admitted.</summary>
    /// <returns>Null, or that there is none.</returns>
    public async ValueTask<Refusal?> AdmitAsync(ChatCall call)
    {
        // A channel that leaves fields out makes a copy.
        var copies = call.Catalog.RoutesTo(call.Bound.Model).Any(static route => !route.Channel.DropParams.IsEmpty) ? 2 : 1;
        if (await _admitted.TakeAsync(Owner(call), (long)copies * call.Body.Capacity, call.Context.RequestAborted) is not { } room)
        {
            return AdmitRefusals.NoRoom;
        }

        call.Body.MoveTo(room);
        return null;
    }

    private async ValueTask<Refusal?> CopyAsync(ChatCall call, PipeReader reader)
    {
        var body = call.Body;
        while (true)
        {
            var read = await reader.ReadAsync(call.Context.RequestAborted);
            var length = body.Length + read.Buffer.Length;
            var refusal = read.IsCanceled ? TooSlow()
                : length > _options.MaxBodyBytes ? TooLarge()
                : length > body.Capacity ? await MakeRoomAsync(call, (int)Math.Min(Math.Max(length, 2L * body.Capacity), _options.MaxBodyBytes))
                : null;
            if (refusal is null)
            {
                body.Append(read.Buffer);
            }

            reader.AdvanceTo(read.Buffer.End);
            if (refusal is not null || read.IsCompleted)
            {
                return refusal;
            }
        }
    }

    private async ValueTask<Refusal?> MakeRoomAsync(ChatCall call, int bytes)
    {
        if (bytes > BodyBudget.LargeBytes && call.Body.Capacity <= BodyBudget.LargeBytes)
        {
            // Only a key in force gets much memory. Ordinary requests are too small to ask for them twice.
            var key = await _accounts.FindKeyAsync(call.Key, call.ClientAddress);
            if (key.Outcome != AdmitOutcome.Admitted)
            {
                return AdmitRefusals.Of(key);
            }
        }

        // Headers stay as long as the body is not there, and one connection of HTTP/2 brings those of many requests.
        var size = BoundedArrays.SizeFor(bytes);
        var headers = sizeof(char) * RequestHeaders.LengthOf(call.Context.Request.Headers);
        if (await _unadmitted.TakeAsync(Owner(call), size + headers, call.Context.RequestAborted) is not { } room)
        {
            return AdmitRefusals.NoRoom;
        }

        call.Body.Grow(size, room);
        return null;
    }

    private static BodyOwner Owner(ChatCall call) => new(call.Key.KeyId, call.ClientAddress);

    private static bool IsIdentity(string encoding) =>
        encoding.Length == 0 || string.Equals(encoding, "identity", StringComparison.OrdinalIgnoreCase);

    private Refusal TooLarge() =>
        Refuse(413, $"The request body is larger than the {_options.MaxBodyBytes} bytes that this gateway accepts.", "request_too_large");

    private Refusal TooSlow() =>
        Refuse(408, $"The request body was not complete within the {_options.UploadTimeoutMs} ms that this gateway waits for it.", "request_timeout");

    private static Refusal Refuse(int status, string message, string? code) =>
        new(new OpenAIError(status, message, "invalid_request_error", null, code));
}
