using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge.Accounting;
using OrleansGateway.Edge.Http;
using OrleansGateway.Edge.Pipeline;
using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Edge.Bodies;

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
    public async ValueTask<ApiError?> ReadAsync(RunningRequest running, Caller caller)
    {
        var request = running.Client.Request;
        if (request.Headers.ContentEncoding is { Count: > 0 } encoding && !IsIdentity(encoding.ToString()))
        {
            return new ApiError(ErrorKind.EncodingNotSupported, $"Content-Encoding '{encoding}' is not supported; send the body uncompressed.");
        }

        var limit = request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>();
        if (limit is { IsReadOnly: false })
        {
            limit.MaxRequestBodySize = _options.MaxBodyBytes;
        }

        if (request.ContentLength > _options.MaxBodyBytes)
        {
            return TooLarge();
        }

        running.BeginUpload(request.BodyReader, _options.UploadTimeoutMs);
        try
        {
            return await MakeRoomAsync(running, caller, (int)(request.ContentLength ?? Math.Min(FirstBytes, _options.MaxBodyBytes)))
                ?? await CopyAsync(running, caller, request.BodyReader);
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return TooLarge();
        }
        catch (BadHttpRequestException exception)
        {
            var kind = exception.StatusCode == StatusCodes.Status408RequestTimeout ? ErrorKind.BodyTooSlow : ErrorKind.BodyUnreadable;
            return new ApiError(kind, "The request body could not be read: " + exception.Message);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ConnectionResetException or IOException)
        {
            return new ApiError(ErrorKind.ClientGone, "The client closed the connection before the request was complete.");
        }
        finally
        {
            running.EndUpload();
        }
    }

    /// <summary>Makes room for a request that is about to be admitted.</summary>
    /// <returns>Null, or that there is none.</returns>
    public async ValueTask<ApiError?> AdmitAsync(RunningRequest running, Order order)
    {
        // A channel that leaves fields out makes a copy.
        var copies = order.Bound.Unpriced.Count > 0 || order.Routes.Any(static route => !route.Channel.DropParams.IsEmpty) ? 2 : 1;
        var client = running.Client;
        if (await _admitted.TakeAsync(Owner(order.Caller), (long)copies * client.Body.Capacity, client.Aborted) is not { } room)
        {
            return Refusals.NoRoom;
        }

        client.Body.MoveTo(room);
        return null;
    }

    private async ValueTask<ApiError?> CopyAsync(RunningRequest running, Caller caller, PipeReader reader)
    {
        var body = running.Client.Body;
        while (true)
        {
            var read = await reader.ReadAsync(running.Client.Aborted);
            var length = body.Length + read.Buffer.Length;
            var refusal = read.IsCanceled ? TooSlow()
                : length > _options.MaxBodyBytes ? TooLarge()
                : length > body.Capacity ? await MakeRoomAsync(running, caller, (int)Math.Min(Math.Max(length, 2L * body.Capacity), _options.MaxBodyBytes))
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

    private async ValueTask<ApiError?> MakeRoomAsync(RunningRequest running, Caller caller, int bytes)
    {
        var client = running.Client;
        if (bytes > BodyBudget.LargeBytes && client.Body.Capacity <= BodyBudget.LargeBytes)
        {
            // Only a key in force gets much memory. Ordinary requests are too small to ask for them twice.
            var key = await _accounts.FindKeyAsync(caller.Key, caller.Address);
            if (key.Outcome != AdmitOutcome.Admitted)
            {
                return Refusals.Of(key);
            }
        }

        // Headers stay as long as the body is not there, and one connection of HTTP/2 brings those of many requests.
        var size = BoundedArrays.SizeFor(bytes);
        var headers = sizeof(char) * RequestHeaders.LengthOf(client.Request.Headers);
        if (await _unadmitted.TakeAsync(Owner(caller), size + headers, client.Aborted) is not { } room)
        {
            return Refusals.NoRoom;
        }

        client.Body.Grow(size, room);
        return null;
    }

    private static BodyOwner Owner(Caller caller) => new(caller.Key.KeyId, caller.Address);

    private static bool IsIdentity(string encoding) =>
        encoding.Length == 0 || string.Equals(encoding, "identity", StringComparison.OrdinalIgnoreCase);

    private ApiError TooLarge() =>
        new(ErrorKind.BodyTooLarge, $"The request body is larger than the {_options.MaxBodyBytes} bytes that this gateway accepts.");

    private ApiError TooSlow() =>
        new(ErrorKind.BodyTooSlow, $"The request body was not complete within the {_options.UploadTimeoutMs} ms that this gateway waits for it.");
}
